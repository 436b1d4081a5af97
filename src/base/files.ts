/**
 * The file layer: what Peerkeep's own state (packs, tables, keys, config) is written through.
 * `node-files.ts` is the real one; the tests have a twin that forgets, at a power cut, everything
 * this contract does not promise to keep.
 *
 * What survives a power cut:
 * - the bytes and the length of a file as of its last completed `sync()`; of what was written after
 *   it, any subset of the writes, also torn ones, may be there;
 * - a name made, moved or removed in a directory as of the last completed `syncDirectory()` of that
 *   directory; of what was done after it, any part may be there. `sync()` of a file does not keep
 *   its name.
 *
 * Paths are absolute, of valid UTF-8. Files are made with mode 0600, directories with 0700.
 * Every method rejects with PeerkeepError `DISK_FULL` (ENOSPC, EDQUOT) or `IO` (anything else but
 * absence), the system's error as its cause.
 */
export interface FileLayer {
  /**
   * Opens a file. `read` and `update` (read and write in place) answer undefined when there is no
   * such file; `create` makes an empty one, and fails with `IO` when the name is taken.
   */
  open(path: string, mode: 'read' | 'update'): Promise<OpenFile | undefined>
  open(path: string, mode: 'create'): Promise<OpenFile>
  /** The whole content, or undefined when there is no such file. For small files. */
  readFile(path: string): Promise<Uint8Array | undefined>
  /** Size in bytes, or undefined when there is no such file. */
  fileSize(path: string): Promise<number | undefined>
  /** When the content was last changed, in milliseconds since 1970 by the file system's clock; undefined without file. */
  modifiedTime(path: string): Promise<number | undefined>
  /** The names in a directory, in byte order; undefined when there is none. */
  list(directory: string): Promise<string[] | undefined>
  /** Makes the directory and its missing parents, each one's name synced in its parent. */
  makeDirectory(directory: string): Promise<void>
  /** Moves a file over whatever has the new name, at once for every reader. */
  rename(from: string, to: string): Promise<void>
  /** Removes a file; nothing happens when there is none. */
  remove(path: string): Promise<void>
  /** Makes the names of a directory survive a power cut. */
  syncDirectory(directory: string): Promise<void>
  /** Bytes that this user may still write on the file system of `directory`, and its whole size. */
  freeSpace(directory: string): Promise<{ free: number; total: number }>
}

/** A file that is open. Reads may run beside each other and beside one write or sync. */
export interface OpenFile {
  /** Fills `into` from `position`; answers the bytes read, fewer than asked for only at the end. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes all chunks one after the other from `position`, extending the file where needed. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  /** Cuts the file to `length` bytes, or extends it with zeros. */
  truncate(length: number): Promise<void>
  size(): Promise<number>
  /** Makes all that was written or cut before the call survive a power cut. */
  sync(): Promise<void>
  close(): Promise<void>
}

const temporarySuffix = '.tmp'

/** Replaces `path` by `content` so that a reader or a power cut meets the old file or the new one. */
export async function replaceFile(
  files: FileLayer,
  path: string,
  content: Uint8Array,
): Promise<void> {
  const temporary = path + temporarySuffix
  await files.remove(temporary)
  const file = await files.open(temporary, 'create')
  try {
    await file.write([content], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(temporary, path)
  await files.syncDirectory(path.slice(0, path.lastIndexOf('/')) || '/')
}
