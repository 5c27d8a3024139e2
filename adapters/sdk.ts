/**
 * The names we use of the AWS SDK, and nothing else: the build makes a file of its own from this one, which is loaded when the
 * first call is made. (An error class that existed in two files would make `instanceof` lie.)
 */

export {
  AttachVolumeCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteTagsCommand,
  DeleteVolumeCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
export {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
export { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
export { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
export { defaultProvider } from '@aws-sdk/credential-provider-node';
export { NodeHttpHandler } from '@smithy/node-http-handler';
