/** SQS's refusals; each has a name in JSON and an older one in a header, which the SDK shows as `Code`. */
import { AwsError } from '../aws-error.ts';

export class SqsError extends AwsError {
  /** `__type` in the body, for example `com.amazonaws.sqs#QueueDoesNotExist`. */
  readonly type: string;

  /** @param code the older name, as in the header `x-amzn-query-error`. */
  constructor(type: string, code: string, message: string, status = 400) {
    super(code, message, status);
    this.type = type;
  }
}

export const queueDoesNotExist = () =>
  new SqsError(
    'com.amazonaws.sqs#QueueDoesNotExist',
    'AWS.SimpleQueueService.NonExistentQueue',
    'The specified queue does not exist.',
  );

export const invalidAddress = (url: string) =>
  new SqsError(
    'com.amazonaws.sqs#InvalidAddress',
    'InvalidAddress',
    `The address ${url} is not valid for this endpoint.`,
  );

export const accessDenied = (queue: string, operation: string) =>
  new SqsError(
    'com.amazon.coral.service#AccessDeniedException',
    'AccessDenied',
    `User is not authorized to perform: sqs:${operation} on resource: ${queue} because no identity-based policy allows it`,
    403,
  );

export const throttled = () =>
  new SqsError('com.amazonaws.sqs#RequestThrottled', 'RequestThrottled', 'Request is throttled.');

export const missingParameter = (name: string) =>
  new SqsError(
    'com.amazon.coral.service#MissingRequiredParameterException',
    'MissingParameter',
    `The request must contain the parameter ${name}.`,
  );

export const invalidParameter = (message: string) =>
  new SqsError('com.amazon.coral.service#InvalidParameterValueException', 'InvalidParameterValue', message);

/** Source: SQS API Reference, "SendMessage". */
export const invalidContents = () =>
  new SqsError(
    'com.amazonaws.sqs#InvalidMessageContents',
    'InvalidMessageContents',
    'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF',
  );

export const receiptHandleIsInvalid = (handle: string) =>
  new SqsError(
    'com.amazonaws.sqs#ReceiptHandleIsInvalid',
    'ReceiptHandleIsInvalid',
    `The input receipt handle "${handle}" is not a valid receipt handle.`,
  );

export const unknownOperation = () =>
  new SqsError(
    'com.amazon.coral.service#UnknownOperationException',
    'InvalidAction',
    'The operation is not known here.',
  );
