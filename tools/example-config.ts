/** The example at the top of docs/configuration.md. A test validates it. */
export const exampleConfig = `{
  "$schema": "./configuration.schema.json", // for editors
  "set-hostname": "mc-{instance_index:0>2}.example.com",
  "domains": {
    "mc.example.com": {
      "attach-volume": [
        {
          "device": "/dev/sdf",
          "source": "x", // by id
          "volume-id": "vol-0123456789abcdef0",
          "exec": [{ "lines": [{ "argv": ["/usr/bin/mount", "{attached_device}", "/srv/minecraft"] }] }],
        },
      ],
      "update-route53": [{ "hostedzone": "Z0123456789ABCDEFGHIJ", "name": "mc.example.com", "ttl": 60 }],
      "exec": [
        { "on": "started", "lines": [{ "argv": ["/usr/bin/systemctl", "start", "minecraft"] }] },
        {
          "on": ["interrupted", "stopping"],
          "lines": [
            { "argv": ["/usr/local/bin/warn-players", "{seconds_left}"], "ec": null, "timeout": 10 },
            { "argv": ["/usr/bin/systemctl", "stop", "minecraft"] },
          ],
        },
      ],
      "notify": [{ "backend": "aws-sns", "options": { "topic": "arn:aws:sns:eu-west-1:123456789012:fleet" } }],
    },
  },
}`;

/** User data that holds a configuration beside something for cloud-init. A test reads it. */
export const multipartExample = `Content-Type: multipart/mixed; boundary="part"
MIME-Version: 1.0

--part
Content-Type: text/cloud-config

#cloud-config
packages: [openjdk-21-jre-headless]
--part
Content-Type: text/x-ec2fleetd-config

{ "domains": { "mc.example.com": {} } }
--part--
`;
