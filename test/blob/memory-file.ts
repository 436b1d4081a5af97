import type { OpenFile } from '../../src/base/files.ts'

/** A file that cannot be written, for what only reads. */
export function memoryFile(bytes: Uint8Array): OpenFile {
  const refuse = (): Promise<never> => Promise.reject(new TypeError('this file is not written'))
  return {
    async read(into, position) {
      const part = bytes.subarray(position, position + into.length)
      into.set(part)
      return part.length
    },
    write: refuse,
    truncate: refuse,
    size: async () => bytes.length,
    sync: refuse,
    close: async () => undefined,
  }
}
