import PostalMime from 'postal-mime';
it('x', async () => {
  const m = (type: string, extra = '') => `Content-Type: multipart/mixed; boundary="b"\r\nMIME-Version: 1.0\r\n\r\n--b\r\nContent-Type: text/cloud-config\r\n\r\n#cloud-config\r\n--b\r\nContent-Type: ${type}\r\n${extra}\r\n{ "domains": {},\r\n "a": "ü" }\r\n--b--\r\n`;
  for (const t of ['text/x-ec2fleetd-config', 'text/x-ec2fleetd-config; charset="us-ascii"', 'application/vnd.ec2fleetd+jsonc', 'text/plain', 'TEXT/X-EC2Fleetd-Config; charset=iso-8859-1']) {
    const e = await PostalMime.parse(Buffer.from(m(t, 'Content-Disposition: attachment; filename="x"\r\nContent-Transfer-Encoding: 7bit\r\n')));
    console.log(t, e.attachments.map((a) => [a.mimeType, a.disposition, Buffer.from(a.content as ArrayBuffer).toString()]), e.text);
  }
});
