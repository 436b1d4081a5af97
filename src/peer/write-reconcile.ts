import type { BlobRef } from '../blob/ref.ts'
import { SHORT_ID_DIGITS } from './keyed-id.ts'
import {
  type Answer,
  answerKinds,
  type Branches,
  type Differing,
  differingKinds,
  FAN_OUT,
  messageKinds,
  type Question,
  questionKinds,
  RECONCILE_VERSION,
  type ReconcileMessage,
} from './reconcile-messages.ts'
import { digestBytesOf, refKindOf, writeDigest } from './ref-bytes.ts'

/** Fingerprint and count of a branch. */
const BRANCH_BYTES = 9

export function encodeReconcileMessage(message: ReconcileMessage): Uint8Array {
  const head = Buffer.from([RECONCILE_VERSION, messageKinds.indexOf(message.kind)])
  switch (message.kind) {
    case 'greeting':
      return Buffer.concat([
        head,
        Buffer.from(message.keyCheck, 'hex'),
        uint32(message.count),
        uint64(message.fingerprint >> 64n),
        uint64(message.fingerprint),
      ])
    case 'questions':
      return Buffer.concat([
        head,
        uint16(message.questions.length),
        ...message.questions.map(encodeQuestion),
      ])
    case 'answers':
      return Buffer.concat([
        head,
        uint16(message.answers.length),
        ...message.answers.map(encodeAnswer),
      ])
    case 'done':
      return Buffer.concat([
        head,
        ...[message.told.youLack, message.told.iLack].flatMap(refs => [
          uint16(refs.length),
          ...refs.map(refBytes),
        ]),
      ])
  }
}

/** The bytes of one question, without the head of the message that it goes in. */
function encodeQuestion(question: Question): Buffer {
  const kind = Buffer.from([questionKinds.indexOf(question.kind)])
  switch (question.kind) {
    case 'compare':
      return Buffer.concat([kind, prefixBytes(question.prefix), branchesBytes(question.branches)])
    case 'ids':
      return Buffer.concat([
        kind,
        prefixBytes(question.prefix),
        Buffer.from([question.ids.length]),
        Buffer.from(question.ids.join(''), 'hex'),
      ])
    case 'all':
      return Buffer.concat([kind, prefixBytes(question.prefix)])
    case 'tell':
      return Buffer.concat([kind, ...refsBytes(question.youLack), ...refsBytes(question.iLack)])
  }
}

/** The bytes of one answer, without the head of the message that it goes in. */
function encodeAnswer(answer: Answer): Buffer {
  const kind = Buffer.from([answerKinds.indexOf(answer.kind)])
  switch (answer.kind) {
    case 'differing': {
      const differing = answer.branches.filter(branch => branch !== undefined)
      return Buffer.concat([kind, maskBytes(answer.branches), ...differing.flatMap(differingBytes)])
    }
    case 'branches':
      return Buffer.concat([kind, branchesBytes(answer.branches)])
    case 'difference':
      return Buffer.concat([
        kind,
        uint64(answer.fingerprint),
        ...refsBytes(answer.refs),
        Buffer.from([answer.lacked.length, ...answer.lacked]),
      ])
    case 'refs':
      return Buffer.concat([kind, ...refsBytes(answer.refs)])
    case 'told':
      return kind
  }
}

/** How many bytes `encodeQuestion` will write. */
export function questionBytes(question: Question): number {
  if (question.kind === 'tell') return 1 + refsLength(question.youLack) + refsLength(question.iLack)
  const head = 2 + Math.ceil(question.prefix.length / 2)
  if (question.kind === 'all') return head
  if (question.kind === 'compare') return head + branchesLength(question.branches)
  return head + 1 + (question.ids.length * SHORT_ID_DIGITS) / 2
}

/** How many bytes `encodeAnswer` will write. */
export function answerBytes(answer: Answer): number {
  switch (answer.kind) {
    case 'differing':
      return answer.branches.reduce((sum, branch) => sum + differingLength(branch), 3)
    case 'branches':
      return 1 + branchesLength(answer.branches)
    case 'difference':
      return 10 + refsLength(answer.refs) + answer.lacked.length
    case 'refs':
      return 1 + refsLength(answer.refs)
    case 'told':
      return 1
  }
}

function differingLength(differing: Differing | undefined): number {
  switch (differing?.kind) {
    case undefined:
      return 0
    case 'few':
      return 1
    case 'branches':
      return 1 + branchesLength(differing.branches)
    case 'leaf':
      return 9 + refsLength(differing.refs)
    case 'all':
      return 1 + refsLength(differing.refs)
  }
}

function branchesLength(branches: Branches): number {
  return branches.reduce((sum, branch) => (branch ? sum + BRANCH_BYTES : sum), 2)
}

function refsLength(refs: readonly BlobRef[]): number {
  return refs.reduce((sum, ref) => sum + 1 + digestBytesOf(refKindOf(ref)), 1)
}

function differingBytes(differing: Differing): Buffer[] {
  const kind = Buffer.from([differingKinds.indexOf(differing.kind)])
  switch (differing.kind) {
    case 'few':
      return [kind]
    case 'branches':
      return [kind, branchesBytes(differing.branches)]
    case 'leaf':
      return [kind, uint64(differing.fingerprint), ...refsBytes(differing.refs)]
    case 'all':
      return [kind, ...refsBytes(differing.refs)]
  }
}

/** One byte for the number of digits, then two digits a byte; a last odd digit is followed by a 0. */
function prefixBytes(prefix: string): Buffer {
  const even = prefix.length % 2 === 0 ? prefix : `${prefix}0`
  return Buffer.concat([Buffer.from([prefix.length]), Buffer.from(even, 'hex')])
}

function branchesBytes(branches: Branches): Buffer {
  const bytes = Buffer.allocUnsafe(2 + BRANCH_BYTES * FAN_OUT)
  let at = bytes.writeUInt16BE(maskOf(branches))
  for (const branch of branches) {
    if (!branch) continue
    at = bytes.writeBigUInt64BE(branch.fingerprint, at)
    at = bytes.writeUInt8(branch.count, at)
  }
  return bytes.subarray(0, at)
}

function maskOf(items: readonly unknown[]): number {
  return items.reduce<number>(
    (mask, item, digit) => (item === undefined ? mask : mask | (1 << digit)),
    0,
  )
}

function maskBytes(items: readonly unknown[]): Buffer {
  return uint16(maskOf(items))
}

function refsBytes(refs: readonly BlobRef[]): Buffer[] {
  return [Buffer.from([refs.length]), ...refs.map(refBytes)]
}

function refBytes(ref: BlobRef): Buffer {
  const kind = refKindOf(ref)
  const bytes = Buffer.alloc(1 + digestBytesOf(kind), kind)
  writeDigest(ref, bytes, 1)
  return bytes
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value))
  return bytes
}
