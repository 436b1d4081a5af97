import { asError, PeerkeepError } from '../base/errors.ts'
import { type FileLayer, replaceFile } from '../base/files.ts'
import type { Random } from '../base/random.ts'
import { type DirectorySyncs, openDirectorySyncs } from './directory-syncs.ts'
import {
  damagedName,
  generationName,
  generationText,
  placeOf,
  temporaryName,
} from './folder-layout.ts'
import { BLOB_SIZE_MAX } from './limits.ts'
import { type BlobRef, matchesRef } from './ref.ts'
import type { Room, VerifiedBlob } from './store.ts'

/** What is done with the file of one blob. All that changes it, one thing at a time for each ref. */
interface FolderFiles {
  path(ref: BlobRef): string
  /** The bytes, undefined without a file, `wrong` when they are not what the ref says. */
  read(ref: BlobRef, room?: Room): Promise<Uint8Array | 'wrong' | undefined>
  /** Bytes out of the middle, not verified. */
  readStretch(ref: BlobRef, begin: number, size: number): Promise<Uint8Array | undefined>
  add(blob: VerifiedBlob): Promise<boolean>
  remove(ref: BlobRef): Promise<void>
  /** Another writer may have put the right bytes there since they were found wrong: then these are the answer. */
  setAsideUnlessMended(ref: BlobRef): Promise<Uint8Array | undefined>
  /** Gives the store a new generation. */
  renew(): Promise<void>
}

interface Folder {
  readonly directory: string
  readonly files: FileLayer
  readonly random: Random
}

interface OpenFolder extends Folder {
  readonly directories: DirectorySyncs
  readonly renew: () => Promise<void>
}

export function openFolderFiles(options: Folder): FolderFiles {
  const { directory, files, random } = options
  let renewing: Promise<void> | undefined

  /** Those who come while one is being written share it: none of theirs is gone yet. */
  function renew(): Promise<void> {
    renewing ??= writeGeneration(options).finally(() => (renewing = undefined))
    return renewing
  }

  const directories = openDirectorySyncs(files, directory)
  const folder: OpenFolder = { directory, files, random, directories, renew }
  return {
    path: ref => pathOf(folder, ref),
    read: (ref, room) => readFile(folder, ref, room),
    async readStretch(ref, begin, size) {
      const file = await files.open(pathOf(folder, ref), 'read')
      if (file === undefined) return undefined
      try {
        const into = new Uint8Array(size)
        return into.subarray(0, await file.read(into, begin))
      } finally {
        await file.close()
      }
    },
    add: blob => addFile(folder, blob),
    remove: ref => removeFile(folder, ref),
    setAsideUnlessMended: ref => setAsideUnlessMended(folder, ref),
    renew,
  }
}

/** Writes a new generation, which no client has met. */
export async function writeGeneration({ directory, files, random }: Folder): Promise<void> {
  await replaceFile(files, `${directory}/${generationName}`, generationText(random.bytes(20)))
}

function directoryOf({ directory }: Folder, ref: BlobRef): string {
  return [directory, ...placeOf(ref).directories].join('/')
}

function pathOf(folder: Folder, ref: BlobRef): string {
  return `${directoryOf(folder, ref)}/${placeOf(ref).name}`
}

function damagedPathOf(folder: Folder, ref: BlobRef): string {
  return `${directoryOf(folder, ref)}/${damagedName(placeOf(ref).name)}`
}

async function readFile(
  folder: Folder,
  ref: BlobRef,
  room?: Room,
): Promise<Uint8Array | 'wrong' | undefined> {
  const file = await folder.files.open(pathOf(folder, ref), 'read')
  if (file === undefined) return undefined
  try {
    const size = await file.size()
    if (size > BLOB_SIZE_MAX) return 'wrong'
    const into = room?.(size) ?? new Uint8Array(size)
    const bytes = into.subarray(0, await file.read(into, 0))
    return matchesRef(ref, bytes) ? bytes : 'wrong'
  } finally {
    await file.close()
  }
}

async function addFile(folder: OpenFolder, { ref, bytes }: VerifiedBlob): Promise<boolean> {
  const size = await folder.files.fileSize(pathOf(folder, ref))
  if (size === bytes.length) {
    await keepPresent(folder, ref)
    return false
  }
  // Of the wrong size: cut short by a power cut, by a writer that did not sync.
  if (size !== undefined) await setAside(folder, ref)
  await writeFile(folder, ref, bytes)
  return true
}

/** Makes durable what someone else may have written: a copy by hand, Perkeep, a process that was killed. */
async function keepPresent(folder: OpenFolder, ref: BlobRef): Promise<void> {
  const directory = await folder.directories.make(placeOf(ref).directories)
  const file = await folder.files.open(pathOf(folder, ref), 'read')
  try {
    await file?.sync()
  } finally {
    await file?.close()
  }
  await folder.directories.sync(directory)
}

async function writeFile(folder: OpenFolder, ref: BlobRef, bytes: Uint8Array): Promise<void> {
  const { files, random, directories } = folder
  const place = placeOf(ref)
  const directory = await directories.make(place.directories)
  const temporary = `${directory}/${temporaryName(place.name, random.bytes(8))}`
  try {
    const file = await files.open(temporary, 'create')
    try {
      await file.write([bytes], 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await files.rename(temporary, pathOf(folder, ref))
  } catch (error) {
    // Perhaps somebody removed the directory, which was empty.
    directories.forget(place.directories)
    await files.remove(temporary).catch(() => undefined)
    throw error
  }
  await directories.sync(directory)
}

async function removeFile(folder: OpenFolder, ref: BlobRef): Promise<void> {
  const { files, directories } = folder
  const directory = directoryOf(folder, ref)
  await files.remove(pathOf(folder, ref))
  await files.remove(damagedPathOf(folder, ref))
  // Also when nothing was there: whoever removed it before may not have come to the sync.
  await directories.sync(directory).catch(async (error: unknown) => {
    if ((await files.list(directory)) !== undefined) throw error
  })
}

async function setAside(folder: OpenFolder, ref: BlobRef): Promise<void> {
  await folder.renew()
  await folder.files.rename(pathOf(folder, ref), damagedPathOf(folder, ref))
  await folder.directories.sync(directoryOf(folder, ref))
}

async function setAsideUnlessMended(
  folder: OpenFolder,
  ref: BlobRef,
): Promise<Uint8Array | undefined> {
  const read = await readFile(folder, ref)
  if (read !== 'wrong') return read
  const error = await setAside(folder, ref).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  throw damageError(folder, ref, error)
}

function damageError(folder: Folder, ref: BlobRef, cause: unknown): PeerkeepError {
  const place = pathOf(folder, ref)
  const file = cause === undefined ? damagedPathOf(folder, ref) : place
  const advice =
    cause === undefined
      ? `They are now in ${file}, and the blob can be stored again.`
      : `The file could not be set aside (${asError(cause).message}): remove it by hand.`
  return new PeerkeepError(
    'BLOB_DAMAGED',
    `The blob ${ref} is damaged: the bytes in ${place} are not what they were. ${advice}`,
    { cause, details: { ref, file } },
  )
}
