import { PeerkeepError } from '../../src/base/errors.ts'
import type { FileLayer, OpenFile } from '../../src/base/files.ts'

/** The files as one process sees them, until it is killed: the disk stays as it is, power on. */
export interface ProcessFiles extends FileLayer {
  kill(): void
}

export function openProcessFiles(files: FileLayer): ProcessFiles {
  let isKilled = false

  /** Nobody is told how a call of a dead process ended; it must only not go on. */
  async function whileAlive<T>(work: () => Promise<T>): Promise<T> {
    if (isKilled) throw new PeerkeepError('IO', 'The process was killed.')
    const result = await work()
    if (isKilled) throw new PeerkeepError('IO', 'The process was killed.')
    return result
  }

  function alive(file: OpenFile): OpenFile {
    return {
      read: (into, position) => whileAlive(() => file.read(into, position)),
      write: (chunks, position) => whileAlive(() => file.write(chunks, position)),
      truncate: length => whileAlive(() => file.truncate(length)),
      size: () => whileAlive(() => file.size()),
      sync: () => whileAlive(() => file.sync()),
      close: () => file.close(),
    }
  }

  function open(path: string, mode: 'read' | 'update'): Promise<OpenFile | undefined>
  function open(path: string, mode: 'create'): Promise<OpenFile>
  async function open(
    path: string,
    mode: 'read' | 'update' | 'create',
  ): Promise<OpenFile | undefined> {
    const file = await whileAlive<OpenFile | undefined>(() =>
      mode === 'create' ? files.open(path, mode) : files.open(path, mode),
    )
    return file && alive(file)
  }

  return {
    open,
    readFile: path => whileAlive(() => files.readFile(path)),
    fileSize: path => whileAlive(() => files.fileSize(path)),
    modifiedTime: path => whileAlive(() => files.modifiedTime(path)),
    list: directory => whileAlive(() => files.list(directory)),
    makeDirectory: directory => whileAlive(() => files.makeDirectory(directory)),
    rename: (from, to) => whileAlive(() => files.rename(from, to)),
    remove: path => whileAlive(() => files.remove(path)),
    syncDirectory: directory => whileAlive(() => files.syncDirectory(directory)),
    freeSpace: directory => whileAlive(() => files.freeSpace(directory)),
    kill() {
      isKilled = true
    },
  }
}
