const slash = Buffer.from('/')

/** `name` below `directory`; `directory` may be empty. */
export function joinPath(directory: Uint8Array, name: Uint8Array): Buffer {
  return directory.length === 0 ? Buffer.from(name) : Buffer.concat([directory, slash, name])
}
