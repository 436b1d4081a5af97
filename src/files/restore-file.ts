import type { BigIntStats } from 'node:fs'
import {
  closeSync,
  constants,
  linkSync,
  openSync,
  readlinkSync,
  renameSync,
  symlinkSync,
} from 'node:fs'

import { readFileContent, sizeOfParts } from '../schema/file-reader.ts'
import type { FileSchema, SymlinkSchema } from '../schema/schema-blob.ts'
import {
  haveSameBytes,
  type Place,
  readsAs,
  removeIfThere,
  safePlace,
  setMetadata,
  statOf,
  temporaryPath,
} from './place.ts'
import { beginFile } from './written-file.ts'
import type { RestoreRun } from './restore-run.ts'

/** Restores a file, whole or not at all; one that is there with the right content is kept. */
export async function restoreFile(run: RestoreRun, place: Place, file: FileSchema): Promise<void> {
  const there = statOf(place.full)
  if (there?.isFile() === true && (await hasContent(run, place, file))) {
    run.counts.kept += 1
    setMetadata(place.full, file)
    await run.keepTime(place, file)
    return
  }
  if (!mayReplace(run, place, there)) return
  await writeContent(run, place, file)
  run.counts.files += 1
  run.counts.bytes += sizeOfParts(file.parts)
  if (file.hardlink) joinHardLink(run, place, file)
  await run.keepTime(place, file)
}

async function hasContent(run: RestoreRun, place: Place, file: FileSchema): Promise<boolean> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  if (statOf(place.full)?.size !== BigInt(sizeOfParts(file.parts))) return false
  const open = openSync(place.full, flags)
  try {
    for await (const piece of readFileContent(run.prefetch.fetch, file.parts)) {
      run.signal.throwIfAborted()
      if (!readsAs(open, piece.size, piece.bytes)) return false
    }
    return true
  } finally {
    closeSync(open)
  }
}

async function writeContent(run: RestoreRun, place: Place, file: FileSchema): Promise<void> {
  const written = beginFile(temporaryPath(place))
  try {
    for await (const { size, bytes } of readFileContent(run.prefetch.fetch, file.parts)) {
      run.signal.throwIfAborted()
      written.write(bytes ?? size)
    }
    run.signal.throwIfAborted()
    written.finish(place.full, file)
  } finally {
    written.abandon()
  }
}

/** Makes a file one with its first name, if that was restored below the target with the same content. */
function joinHardLink(run: RestoreRun, place: Place, file: FileSchema): void {
  const first = safePlace(run.target, file.hardlink ?? new Uint8Array())
  const [a, b] = [first && statOf(first), statOf(place.full)]
  if (!first || !a?.isFile() || !b || a.size !== b.size || !haveSameBytes(first, place.full)) return
  const temporary = temporaryPath(place)
  removeIfThere(temporary)
  linkSync(first, temporary)
  renameSync(temporary, place.full)
  setMetadata(place.full, file)
}

export async function restoreLink(
  run: RestoreRun,
  place: Place,
  link: SymlinkSchema,
): Promise<void> {
  const there = statOf(place.full)
  const isRight =
    there?.isSymbolicLink() === true &&
    readlinkSync(place.full, { encoding: 'buffer' }).equals(link.target)
  if (!isRight) {
    if (!mayReplace(run, place, there)) return
    const temporary = temporaryPath(place)
    removeIfThere(temporary)
    symlinkSync(Buffer.from(link.target), temporary)
    renameSync(temporary, place.full)
  }
  setMetadata(place.full, link, true)
  await run.keepTime(place, link)
}

/** Whether nothing stands in the way; reports what does. */
function mayReplace(run: RestoreRun, place: Place, there: BigIntStats | undefined): boolean {
  if (!there || (run.options.overwrite && !there.isDirectory())) return true
  const reason = there.isDirectory()
    ? 'a folder stands there'
    : 'something else is there; it is left alone'
  run.report(place, reason)
  return false
}
