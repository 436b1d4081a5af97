import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { SHORT_ID_DIGITS, POSITION_DIGITS } from './keyed-id.ts'
import { LEAF_MEMBERS_MAX, MEMBERS_MAX, QUESTIONS_MAX, RECONCILE_BYTES_MAX } from './limits.ts'
import { digestBytesOf, parseRefKind, readDigest, refKindOf, writeDigest } from './ref-bytes.ts'

/**
 * What two sides of a reconciliation say, as bytes: the version, the kind, then what belongs to it. Numbers are big
 * endian. Every message has exactly one form, at most `RECONCILE_BYTES_MAX` long.
 */
export type ReconcileMessage =
  | Greeting
  | { readonly kind: 'questions'; readonly questions: readonly Question[] }
  /** Answers in the order of the questions; those of one message may come in several. */
  | { readonly kind: 'answers'; readonly answers: readonly Answer[] }
  /** The asking side knows all differences. */
  | { readonly kind: 'done' }

/** First on both sides: what its set looks like from above. */
export interface Greeting {
  readonly kind: 'greeting'
  readonly keyCheck: string
  readonly count: number
  readonly fingerprint: bigint
}

/** The low 64 bits of the fingerprints of 16 branches; undefined for one without members. */
export type Branches = readonly (bigint | undefined)[]

export type Question =
  /** Which of my branches differ from yours? */
  | { readonly kind: 'compare'; readonly prefix: string; readonly branches: Branches }
  /** These short ids are all I have here: what do you have, what not? */
  | { readonly kind: 'ids'; readonly prefix: string; readonly ids: readonly string[] }
  /** What do you have here? */
  | { readonly kind: 'all'; readonly prefix: string }
  /** No question: full refs that you lack, and refs of yours that I lack. */
  | {
      readonly kind: 'tell'
      readonly youLack: readonly BlobRef[]
      readonly iLack: readonly BlobRef[]
    }

export type Answer =
  /** To `compare`: for each branch undefined where equal, `few` where few are here, else the branches of it. */
  | { readonly kind: 'differing'; readonly branches: readonly (undefined | 'few' | Branches)[] }
  /** To `ids` and `all`, where more is here than one answer may list: look deeper. */
  | { readonly kind: 'branches'; readonly branches: Branches }
  /** To `ids`: refs whose ids were not listed, places in the list of those that lack here, what all here adds up to. */
  | {
      readonly kind: 'difference'
      readonly fingerprint: bigint
      readonly refs: readonly BlobRef[]
      readonly lacked: readonly number[]
    }
  /** To `all`, and to `compare` where few are here: everything. */
  | { readonly kind: 'refs'; readonly refs: readonly BlobRef[] }
  /** To `tell`. */
  | { readonly kind: 'told' }

const VERSION = 1
const messageKinds = ['greeting', 'questions', 'answers', 'done'] as const
const questionKinds = ['compare', 'ids', 'all', 'tell'] as const
const answerKinds = ['differing', 'branches', 'difference', 'refs', 'told'] as const
/** Version, kind, and the number of questions or answers. */
export const RECONCILE_HEAD_BYTES = 4
const FAN_OUT = 16

export function encodeReconcileMessage(message: ReconcileMessage): Uint8Array {
  const head = Buffer.from([VERSION, messageKinds.indexOf(message.kind)])
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
      return head
  }
}

/** The bytes of one question, without the head of the message that it goes in. */
export function encodeQuestion(question: Question): Buffer {
  const kind = Buffer.from([questionKinds.indexOf(question.kind)])
  switch (question.kind) {
    case 'compare':
      return Buffer.concat([
        kind,
        prefixBytes(question.prefix),
        ...branchesBytes(question.branches),
      ])
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
export function encodeAnswer(answer: Answer): Buffer {
  const kind = Buffer.from([answerKinds.indexOf(answer.kind)])
  switch (answer.kind) {
    case 'differing': {
      const { branches } = answer
      const deeper = branches.filter(branch => typeof branch === 'object')
      return Buffer.concat([
        kind,
        maskBytes(branches.map(branch => branch !== undefined)),
        maskBytes(branches.map(branch => branch === 'few')),
        ...deeper.flatMap(branchesBytes),
      ])
    }
    case 'branches':
      return Buffer.concat([kind, ...branchesBytes(answer.branches)])
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

/** Reads bytes of a stranger. Throws `BAD_FRAME` for all that `encodeReconcileMessage` would not write. */
export function decodeReconcileMessage(bytes: Uint8Array): ReconcileMessage {
  if (bytes.length > RECONCILE_BYTES_MAX) throw badMessage('over the limit of bytes')
  const reader = openReader(bytes)
  if (reader.byte() !== VERSION) throw badMessage('of an unknown version')
  const message = readMessage(reader)
  if (!reader.isAtEnd()) throw badMessage('with bytes too many')
  return message
}

function readMessage(reader: Reader): ReconcileMessage {
  const kind = messageKinds[reader.byte()]
  if (kind === undefined) throw badMessage('of an unknown kind')
  switch (kind) {
    case 'greeting': {
      const keyCheck = reader.take(8).toString('hex')
      const count = reader.take(4).readUInt32BE()
      if (count > MEMBERS_MAX) throw badMessage('of a set over the limit')
      return { kind, keyCheck, count, fingerprint: (reader.uint64() << 64n) | reader.uint64() }
    }
    case 'questions':
      return { kind, questions: readList(reader, readQuestion) }
    case 'answers':
      return { kind, answers: readList(reader, readAnswer) }
    case 'done':
      return { kind }
  }
}

function readList<Item>(reader: Reader, readItem: (reader: Reader) => Item): Item[] {
  const count = reader.take(2).readUInt16BE()
  if (count === 0 || count > QUESTIONS_MAX) throw badMessage('with too many parts, or none')
  return Array.from({ length: count }, () => readItem(reader))
}

function readQuestion(reader: Reader): Question {
  const kind = questionKinds[reader.byte()]
  if (kind === undefined) throw badMessage('with an unknown question')
  switch (kind) {
    case 'compare': {
      const prefix = readPrefix(reader)
      if (prefix.length === POSITION_DIGITS) throw badMessage('that looks below the deepest leaf')
      return { kind, prefix, branches: readBranches(reader) }
    }
    case 'ids': {
      const prefix = readPrefix(reader)
      const count = readCount(reader)
      const ids = Array.from({ length: count }, () =>
        reader.take(SHORT_ID_DIGITS / 2).toString('hex'),
      )
      return { kind, prefix, ids }
    }
    case 'all':
      return { kind, prefix: readPrefix(reader) }
    case 'tell':
      return { kind, youLack: readRefs(reader), iLack: readRefs(reader) }
  }
}

function readAnswer(reader: Reader): Answer {
  const kind = answerKinds[reader.byte()]
  if (kind === undefined) throw badMessage('with an unknown answer')
  switch (kind) {
    case 'differing':
      return { kind, branches: readDiffering(reader) }
    case 'branches':
      return { kind, branches: readBranches(reader) }
    case 'difference': {
      const fingerprint = reader.uint64()
      const refs = readRefs(reader)
      const lacked = [...reader.take(readCount(reader))]
      if (lacked.some((place, index) => index > 0 && place <= (lacked[index - 1] ?? 0)))
        throw badMessage('with places out of order')
      return { kind, fingerprint, refs, lacked }
    }
    case 'refs':
      return { kind, refs: readRefs(reader) }
    case 'told':
      return { kind }
  }
}

function readDiffering(reader: Reader): (undefined | 'few' | Branches)[] {
  const differing = readMask(reader)
  const few = readMask(reader)
  return differing.map((differs, digit) => {
    if (few[digit] && !differs) throw badMessage('with a branch that is equal and few')
    if (!differs) return undefined
    return few[digit] ? 'few' : readBranches(reader)
  })
}

interface Reader {
  byte(): number
  take(length: number): Buffer
  uint64(): bigint
  isAtEnd(): boolean
}

function openReader(bytes: Uint8Array): Reader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > buffer.length) throw badMessage('cut short')
    at += length
    return buffer.subarray(at - length, at)
  }
  return {
    take,
    byte: () => take(1).readUInt8(),
    uint64: () => take(8).readBigUInt64BE(),
    isAtEnd: () => at === buffer.length,
  }
}

/** One byte for the number of digits, then two digits a byte; a last odd digit is followed by a 0. */
function prefixBytes(prefix: string): Buffer {
  const even = prefix.length % 2 === 0 ? prefix : `${prefix}0`
  return Buffer.concat([Buffer.from([prefix.length]), Buffer.from(even, 'hex')])
}

function readPrefix(reader: Reader): string {
  const digits = reader.byte()
  if (digits > POSITION_DIGITS) throw badMessage('with a prefix too long')
  const hex = reader.take(Math.ceil(digits / 2)).toString('hex')
  if (digits % 2 === 1 && !hex.endsWith('0')) throw badMessage('with a prefix not in its one form')
  return hex.slice(0, digits)
}

function branchesBytes(branches: Branches): Buffer[] {
  const present = branches.filter(branch => branch !== undefined)
  return [maskBytes(branches.map(branch => branch !== undefined)), ...present.map(uint64)]
}

function readBranches(reader: Reader): Branches {
  return readMask(reader).map(isPresent => (isPresent ? reader.uint64() : undefined))
}

function maskBytes(bits: readonly boolean[]): Buffer {
  return uint16(bits.reduce((mask, bit, digit) => (bit ? mask | (1 << digit) : mask), 0))
}

function readMask(reader: Reader): boolean[] {
  const mask = reader.take(2).readUInt16BE()
  return Array.from({ length: FAN_OUT }, (_, digit) => (mask & (1 << digit)) !== 0)
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

function readRefs(reader: Reader): BlobRef[] {
  return Array.from({ length: readCount(reader) }, () => {
    const kind = parseRefKind(reader.byte())
    if (kind === undefined) throw badMessage('with a ref of an unknown hash function')
    return readDigest(kind, reader.take(digestBytesOf(kind)), 0)
  })
}

function readCount(reader: Reader): number {
  const count = reader.byte()
  if (count > LEAF_MEMBERS_MAX) throw badMessage('that lists too much')
  return count
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

function badMessage(what: string): PeerkeepError {
  return new PeerkeepError('BAD_FRAME', `a message of a reconciliation ${what}`)
}
