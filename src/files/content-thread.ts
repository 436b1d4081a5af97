import { createHash, type Hash, hash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

import { CHUNK_MAX, nextCut } from '../schema/chunker.ts'

/**
 * The thread that reads large files: it fills blocks of shared memory, cuts them as Perkeep cuts, and hashes each
 * chunk and the whole, while the main thread hands what came before to the disk. `content-reader.ts` is its other end.
 */

/** Asks for the next bytes of a file. Answered in the order of the questions. */
export interface BlockQuestion {
  /** A number that this file alone has. */
  readonly file: number
  readonly descriptor: number
  /** Which block to fill; the memory comes with the first question that names it. */
  readonly block: number
  readonly memory?: SharedArrayBuffer
  /** Bytes to read, behind what the block before left over. */
  readonly length: number
  /** Nothing is to be read after this. */
  readonly isLast: boolean
}

/** Whole chunks, one behind the other from the start of the block. */
export interface BlockAnswer {
  readonly refs: readonly string[]
  readonly lengths: readonly number[]
  readonly weights: readonly number[]
  /** SHA-224 of the whole file in hex, once it has ended. */
  readonly digest?: string | undefined
}

export interface BlockFailure {
  readonly failure: { readonly code: string | undefined; readonly message: string }
}

/** Weight of the cut behind a chunk of the greatest length. */
const WEIGHT_MAX_CHUNK = 20

interface OpenContent {
  readonly whole: Hash
  /** Where the next chunk begins in the file. */
  position: number
  /** Bytes of it that are read already. */
  rest: Uint8Array
  hasEnded: boolean
}

const blocks: Uint8Array[] = []
const contents = new Map<number, OpenContent>()
const zeros = Buffer.alloc(CHUNK_MAX)
let zeroRef: string | undefined

const refOfBytes = (bytes: Uint8Array): string => `sha224-${hash('sha224', bytes, 'hex')}`

function answer(question: BlockQuestion): BlockAnswer {
  const { file, block, memory, length, isLast } = question
  if (memory) blocks[block] = new Uint8Array(memory)
  const into = blocks[block]
  if (!into) throw new Error(`block ${block} was never given`)
  const content = contents.get(file) ?? openContent(file)
  if (content.hasEnded) return { refs: [], lengths: [], weights: [] }
  into.set(content.rest)
  const begin = content.rest.length
  const read = readFully(question.descriptor, into.subarray(begin, begin + length))
  content.whole.update(into.subarray(begin, begin + read))
  content.hasEnded = isLast || read < length
  const bytes = into.subarray(0, begin + read)
  const chunks = cutChunks(bytes, content)
  if (!content.hasEnded) return chunks
  return { ...chunks, digest: content.whole.digest('hex') }
}

function openContent(file: number): OpenContent {
  const content = {
    whole: createHash('sha224'),
    position: 0,
    rest: new Uint8Array(),
    hasEnded: false,
  }
  contents.set(file, content)
  return content
}

function cutChunks(bytes: Uint8Array, content: OpenContent): BlockAnswer {
  const [refs, lengths, weights]: [string[], number[], number[]] = [[], [], []]
  let at = 0
  while (bytes.length - at >= CHUNK_MAX || (content.hasEnded && at < bytes.length)) {
    const left = bytes.subarray(at)
    // Sparse files hold thousands of them: to compare is cheaper than to roll and hash.
    const isZero =
      content.position > 0 && left.length >= CHUNK_MAX && zeros.equals(left.subarray(0, CHUNK_MAX))
    const cut = isZero
      ? { length: CHUNK_MAX, weight: WEIGHT_MAX_CHUNK }
      : nextCut(left, content.position)
    if (!cut) break
    refs.push(isZero ? (zeroRef ??= refOfBytes(zeros)) : refOfBytes(left.subarray(0, cut.length)))
    lengths.push(cut.length)
    weights.push(cut.weight)
    at += cut.length
    content.position += cut.length
  }
  // The block is used again before the next one is read.
  content.rest = Uint8Array.from(bytes.subarray(at))
  return { refs, lengths, weights }
}

function readFully(descriptor: number, into: Uint8Array): number {
  let read = 0
  while (read < into.length) {
    const got = readSync(descriptor, into, read, into.length - read, null)
    if (got === 0) break
    read += got
  }
  return read
}

function failureOf(error: unknown): BlockFailure {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return { failure: { code, message: error instanceof Error ? error.message : String(error) } }
}

parentPort?.on('message', (question: BlockQuestion | { readonly forget: number }) => {
  if ('forget' in question) {
    contents.delete(question.forget)
    return
  }
  let told: BlockAnswer | BlockFailure
  try {
    told = answer(question)
  } catch (error) {
    told = failureOf(error)
  }
  parentPort?.postMessage(told)
})
