import { PeerkeepError } from '../base/errors.ts'
import type { KeyValue } from '../base/key-value.ts'
import { BLOB_SIZE_MAX } from './limits.ts'
import type { Decrypt } from './perkeep-encryption.ts'
import { type BlobRef, isBlobRef, matchesRef } from './ref.ts'
import { openSourceRows, type PlacedBlob, type PlacedRef, type SourceRows } from './source-rows.ts'
import type { BlobSource } from './store.ts'

interface EncryptedOptions {
  /** Perkeep's `blobs` store of encrypted blobs, and its `meta` store of what they are. Closed with the source. */
  readonly blobs: BlobSource
  readonly meta: BlobSource
  readonly decrypt: Decrypt
  readonly rows: KeyValue
  /** Told of a meta blob, or a line of one, that makes no sense. */
  readonly onProblem: (meta: BlobRef, reason: string) => void
  readonly signal: AbortSignal
}

const META_HEAD = '#camlistore/encmeta=2\n'

/**
 * The blobs of a Perkeep `encrypt` store, read only. Rejects with `REFUSED` when the key opens nothing, before anything
 * else is read.
 */
export async function openEncryptedSource(options: EncryptedOptions): Promise<BlobSource> {
  const { blobs, meta } = options
  const rows = openSourceRows(options.rows)
  await readMeta(options, rows)
  const close = async (): Promise<void> => {
    await Promise.all([blobs.close(), meta.close()])
  }
  return {
    async fetch(ref) {
      const found = await rows.find(ref)
      return found && fetchSealed(options, ref, found)
    },
    stat: refs => rows.sizes(refs),
    enumerate: after => rows.enumerate(after),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function readMeta(
  { meta, decrypt, onProblem, signal }: EncryptedOptions,
  rows: SourceRows,
): Promise<void> {
  let opened = 0
  let refused = 0
  for await (const { ref } of meta.enumerate()) {
    signal.throwIfAborted()
    if ((await rows.known(ref)) !== undefined) {
      opened += 1
      continue
    }
    const sealed = await meta.fetch(ref)
    const text = sealed && (await decrypt(sealed))
    if (!text) {
      refused += 1
      // Damage is seldom; a wrong key opens none.
      if (opened === 0 && refused >= WRONG_KEY_BLOBS) throw wrongKey()
      onProblem(ref, 'it cannot be decrypted with this key')
      continue
    }
    opened += 1
    const lines = readLines(text, reason => onProblem(ref, reason))
    await rows.keep(ref, 'read', lines)
  }
  if (opened === 0 && refused > 0) throw wrongKey()
}

/** Meta blobs that are tried before the key is called the wrong one. */
const WRONG_KEY_BLOBS = 3

function wrongKey(): PeerkeepError {
  return new PeerkeepError(
    'REFUSED',
    'the key file does not open this store: it must be the very file (keyFile, or one with the passphrase) of the Perkeep server that wrote it',
  )
}

/** Lines `REF/SIZE/REF of the encrypted blob`; what is no such line is passed over, and told. */
function readLines(text: Uint8Array, onProblem: (reason: string) => void): PlacedRef[] {
  const all = Buffer.from(text).toString('latin1')
  if (!all.startsWith(META_HEAD)) {
    onProblem(
      `it begins with ${JSON.stringify(all.slice(0, 30))}, which this version does not know`,
    )
    return []
  }
  const placed: PlacedRef[] = []
  for (const line of all.slice(META_HEAD.length).split('\n')) {
    if (line === '') continue
    const [ref, size = '', place] = line.split('/')
    if (
      isBlobRef(ref) &&
      isBlobRef(place) &&
      /^\d{1,8}$/.test(size) &&
      Number(size) <= BLOB_SIZE_MAX
    )
      placed.push({ ref, size: Number(size), place })
    else onProblem(`the line ${JSON.stringify(line.slice(0, 100))} names no blob`)
  }
  return placed
}

async function fetchSealed(
  { blobs, decrypt }: EncryptedOptions,
  ref: BlobRef,
  { size, place }: PlacedBlob,
): Promise<Uint8Array | undefined> {
  const sealed = await blobs.fetch(place as BlobRef)
  if (!sealed) return undefined
  const bytes = await decrypt(sealed)
  if (bytes?.length === size && matchesRef(ref, bytes)) return bytes
  throw new PeerkeepError(
    'BLOB_DAMAGED',
    `The blob ${ref} is damaged: what ${place} holds encrypted is another one, or cannot be decrypted.`,
    { details: { ref, sealed: place } },
  )
}
