import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { POSITION_DIGITS, SHORT_ID_DIGITS } from './keyed-id.ts'
import {
  LEAF_MEMBERS_MAX,
  MEMBERS_MAX,
  QUESTIONS_MAX,
  RECONCILE_BYTES_MAX,
  TOLD_REFS_MAX,
} from './limits.ts'
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
  type Told,
} from './reconcile-messages.ts'
import { digestBytesOf, parseRefKind, readDigest } from './ref-bytes.ts'

/** Reads bytes of a stranger. Throws `BAD_FRAME` for all that `encodeReconcileMessage` would not write. */
export function decodeReconcileMessage(bytes: Uint8Array): ReconcileMessage {
  if (bytes.length > RECONCILE_BYTES_MAX) throw badMessage('over the limit of bytes')
  const reader = openReader(bytes)
  if (reader.byte() !== RECONCILE_VERSION) throw badMessage('of an unknown version')
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
      return { kind, told: readTold(reader) }
  }
}

function readTold(reader: Reader): Told {
  const [youLack = [], iLack = []] = [0, 1].map(() => {
    const length = reader.take(2).readUInt16BE()
    if (length > TOLD_REFS_MAX) throw badMessage('that tells too much')
    return Array.from({ length }, () => readRef(reader))
  })
  return { youLack, iLack }
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

function readDiffering(reader: Reader): (Differing | undefined)[] {
  let refs = 0
  return readMask(reader).map(differs => {
    if (!differs) return undefined
    const kind = differingKinds[reader.byte()]
    if (kind === undefined) throw badMessage('with a branch of an unknown kind')
    if (kind === 'few') return { kind }
    if (kind === 'branches') return { kind, branches: readBranches(reader) }
    const differing: Differing =
      kind === 'leaf'
        ? { kind, fingerprint: reader.uint64(), refs: readRefs(reader) }
        : { kind, refs: readRefs(reader) }
    refs += differing.refs.length
    if (refs > LEAF_MEMBERS_MAX) throw badMessage('that lists too much')
    return differing
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

function readPrefix(reader: Reader): string {
  const digits = reader.byte()
  if (digits > POSITION_DIGITS) throw badMessage('with a prefix too long')
  const hex = reader.take(Math.ceil(digits / 2)).toString('hex')
  if (digits % 2 === 1 && !hex.endsWith('0')) throw badMessage('with a prefix not in its one form')
  return hex.slice(0, digits)
}

function readBranches(reader: Reader): Branches {
  return readMask(reader).map(isPresent =>
    isPresent ? { fingerprint: reader.uint64(), count: reader.byte() } : undefined,
  )
}

function readMask(reader: Reader): boolean[] {
  const mask = reader.take(2).readUInt16BE()
  return Array.from({ length: FAN_OUT }, (_, digit) => (mask & (1 << digit)) !== 0)
}

function readRefs(reader: Reader): BlobRef[] {
  return Array.from({ length: readCount(reader) }, () => readRef(reader))
}

function readRef(reader: Reader): BlobRef {
  const kind = parseRefKind(reader.byte())
  if (kind === undefined) throw badMessage('with a ref of an unknown hash function')
  return readDigest(kind, reader.take(digestBytesOf(kind)), 0)
}

function readCount(reader: Reader): number {
  const count = reader.byte()
  if (count > LEAF_MEMBERS_MAX) throw badMessage('that lists too much')
  return count
}

function badMessage(what: string): PeerkeepError {
  return new PeerkeepError('BAD_FRAME', `a message of a reconciliation ${what}`)
}
