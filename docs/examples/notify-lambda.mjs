// A Lambda function for the topic (or the queue) of ec2fleetd: it passes on to a chat what a person should know.
// Environment: WEBHOOK_URL, where {"text": "…"} is posted, as Slack, Mattermost and others take it.

/** Handles what SNS or SQS hands over. A failure is thrown, so that the service tries again. */
export async function handler(event) {
  for (const record of event.Records) {
    const body = bodyOf(record.Sns?.Message ?? record.body);
    if (body !== undefined) await post(sentenceFor(body));
  }
}

/** `undefined` for what is no message of ec2fleetd, or was too long and has been cut. */
function bodyOf(text) {
  try {
    const body = JSON.parse(text);
    return body.daemon_state === undefined ? undefined : body;
  } catch {
    console.warn('not a message of ec2fleetd, or one that was cut', text.slice(-200));
    return undefined;
  }
}

/** What failed stands in `error`, commands too; `results` has more about each of them. */
function sentenceFor({ test, domain, instance_id, daemon_state, seconds_left, error }) {
  const left = seconds_left === null ? '' : `, ${seconds_left} s left`;
  const failures = error.map(([part, problem]) => `• ${part}: ${problem}`);
  return [`${test ? 'TEST: ' : ''}${domain} on ${instance_id}: ${daemon_state}${left}`, ...failures].join('\n');
}

async function post(text) {
  const answer = await fetch(process.env.WEBHOOK_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
    signal: AbortSignal.timeout(5_000),
  });
  if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
}
