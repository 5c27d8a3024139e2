/** Holds to begin a test with: each field that a test sets means something in it. */

import type { AttachmentHold, CreationHold, RecordSetHold } from '../../config/vocabulary.ts';

export function attachmentHold(settings: Partial<AttachmentHold> = {}): AttachmentHold {
  return {
    kind: 'attachment',
    domain: 'web',
    volumeId: 'vol-1',
    device: '/dev/sdf',
    source: 'x',
    prepared: false,
    ...settings,
  };
}

/** A volume that was created and not used yet. */
export function creationHold(settings: Partial<CreationHold> = {}): CreationHold {
  return {
    kind: 'creation',
    domain: 'web',
    device: '/dev/sdf',
    attempt: 1,
    request: { ClientToken: 'token-1', Size: 8 },
    volumeId: 'vol-1',
    requestedAt: '2030-01-01T00:00:00.000Z',
    disposable: true,
    ...settings,
  };
}

/** @param name of the record, as Route 53 stores it. */
export function recordSetHold(name = 'game.example.com.'): RecordSetHold {
  return {
    kind: 'record-set',
    domain: 'web',
    hostedZone: 'Z1',
    after: { name, type: 'A', ttl: 60, values: ['192.0.2.1'] },
  };
}
