import type { BlobRef } from '../blob/ref.ts'
import type { FileFacts, Nanoseconds } from '../schema/schema-blob.ts'
import { isWritableTime } from '../schema/time.ts'
import { CONTENT_ATTRIBUTE } from '../schema/well-known.ts'
import type { Node } from './node.ts'

/** Permanodes for files that are being stored. */
export interface Filenodes {
  add(facts: FileFacts, mtime: Nanoseconds): void
  /** Resolves when every file that was added has its permanode. */
  finish(): Promise<void>
}

/** Files whose claims are made beside each other: they share the syncs of the disk. */
const FILES_BESIDE = 200

interface StoredFile extends Pick<FileFacts, 'file' | 'wholeRef'> {
  readonly mtime: Nanoseconds
}

/**
 * A planned permanode for every file, whose key is the digest of its content, so that equal content has one. It and
 * its claims are as pk-put --filenodes writes them: it is dated at the beginning of 1970, they at the file's own time, at
 * most now. What is said already is not said again, whichever device said it.
 */
export function openFilenodes(node: Node, tags: readonly string[]): Filenodes {
  const files: StoredFile[] = []
  return {
    add: ({ file, wholeRef }, mtime) => void files.push({ file, wholeRef, mtime }),
    async finish() {
      while (files.length > 0) {
        const contents = Map.groupBy(files.splice(-FILES_BESIDE), ({ wholeRef }) => wholeRef)
        await Promise.all([...contents.values()].map(same => putAll(node, same, tags)))
      }
    },
  }
}

/** Files of one content, one after the other: what is said of the first need not be said of the next. */
async function putAll(
  node: Node,
  files: readonly StoredFile[],
  tags: readonly string[],
): Promise<void> {
  for (const file of files) await putFilenode(node, file, tags)
}

async function putFilenode(
  node: Node,
  { file, wholeRef, mtime }: StoredFile,
  tags: readonly string[],
): Promise<void> {
  const permanode = await node.claims.plannedPermanode(wholeRef, 0n)
  const date = claimTime(node, mtime)
  const on = { permanode, date }
  if (!(await isSaid(node, permanode, file)))
    await sign(node, on, { claimType: 'set-attribute', attribute: CONTENT_ATTRIBUTE, value: file })
  const tagged = (await node.index.permanode(permanode))?.attributes.get('tag') ?? []
  for (const tag of new Set(tags).difference(new Set(tagged)))
    await sign(node, on, { claimType: 'add-attribute', attribute: 'tag', value: tag })
}

async function sign(
  node: Node,
  { permanode, date }: { readonly permanode: BlobRef; readonly date: Nanoseconds },
  said: {
    readonly claimType: 'set-attribute' | 'add-attribute'
    readonly attribute: string
    readonly value: string
  },
): Promise<void> {
  await node.claims.sign({ ...said, permanode }, date)
}

/**
 * Whether a claim says already that the content is this file. It need not be the last word: of two files of equal
 * content the one with the later date stands.
 */
async function isSaid(node: Node, permanode: BlobRef, file: BlobRef): Promise<boolean> {
  for await (const { body, isDeleted } of node.index.claims(permanode)) {
    if (isDeleted || !('attribute' in body)) continue
    if (body.attribute === CONTENT_ATTRIBUTE && body.value === file) return true
  }
  return false
}

/** What is dated at the beginning of 1970 is no claim to Perkeep, so files of unknown age get the next second. */
const AGELESS_TIME: Nanoseconds = 1_000_000_000n

/** A file's time may be wrong, or none that can be written. */
function claimTime(node: Node, mtime: Nanoseconds): Nanoseconds {
  const now = BigInt(node.system.clock.now()) * 1_000_000n
  if (mtime === 0n) return AGELESS_TIME
  return isWritableTime(mtime) && mtime < now ? mtime : now
}
