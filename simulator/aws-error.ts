/** A refusal as a service words it; each protocol writes it down in its own form. */

export class AwsError extends Error {
  override readonly name: string = 'AwsError';
  /** As it stands on the wire, for example `InvalidVolume.NotFound`. */
  readonly code: string;
  /** HTTP status. */
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
