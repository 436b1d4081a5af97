import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

/** What a tree may hold that programs trip over. */
export interface HardTree {
  /** Size of the file that is one hole but for a few bytes, in bytes. */
  readonly sparseBytes: number
  /** Files in one directory. */
  readonly crowd: number
}

export function makeHardTree(directory: string, { sparseBytes, crowd }: HardTree): void {
  mkdirSync(directory, { recursive: true })
  const at = (...names: string[]): string => join(directory, ...names)
  writeFileSync(at('empty'), '')
  makeSparse(at('sparse.img'), sparseBytes)
  makeNames(directory)
  makeLinks(directory)
  makeModes(at('modes'))
  makeTimes(at('times'))
  mkdirSync(at('empty folder'))
  mkdirSync(at('crowd'))
  for (let number = 0; number < crowd; number += 1) {
    writeFileSync(at('crowd', `file ${number}`), `content of ${number % 100}\n`)
  }
}

function makeSparse(path: string, size: number): void {
  const file = openSync(path, 'w')
  writeSync(file, 'begin')
  ftruncateSync(file, size - 3)
  writeSync(file, 'end', size - 3)
  closeSync(file)
}

function makeNames(directory: string): void {
  const inDirectory = (name: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from(`${directory}/`), name])
  const names = [
    Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x2d, 0xff, 0xfe]),
    Buffer.from([0xef, 0xbf, 0xbd, 0xff]),
    Buffer.from('back\\slash'),
    Buffer.from('line\nfeed'),
    Buffer.from(' blank '),
    Buffer.from('*?[star]'),
    Buffer.from('n'.repeat(255)),
    Buffer.from('é and é'),
    Buffer.from('-rf'),
    Buffer.from('\u0008\u000c<&>\u2028'),
  ]
  for (const name of names) writeFileSync(inDirectory(name), `named ${name.toString('hex')}`)
}

function makeLinks(directory: string): void {
  const at = (name: string): string => join(directory, name)
  symlinkSync('nowhere', at('dangling'))
  symlinkSync('/etc/hostname', at('absolute'))
  symlinkSync('..', at('parent'))
  symlinkSync(Buffer.from([0xff, 0x2f, 0xfe]), at('strange target'))
  writeFileSync(at('linked'), 'one content, three names')
  mkdirSync(at('links'))
  linkSync(at('linked'), at('links/second name'))
  linkSync(at('linked'), at('zlast'))
}

function makeModes(directory: string): void {
  mkdirSync(directory)
  for (const mode of [0o000, 0o400, 0o600, 0o644, 0o755, 0o777, 0o4755, 0o2755, 0o1644, 0o6711]) {
    const path = join(directory, mode.toString(8))
    writeFileSync(path, `mode ${mode}`)
    chmodSync(path, mode)
  }
  for (const mode of [0o555, 0o700, 0o1777, 0o2775]) {
    const path = join(directory, `folder ${mode.toString(8)}`)
    mkdirSync(path)
    writeFileSync(join(path, 'inside'), 'inside')
    chmodSync(path, mode)
  }
}

function makeTimes(directory: string): void {
  mkdirSync(directory)
  for (const time of [
    '1969-12-31T23:59:58.000000001Z',
    '1901-12-14T00:00:00Z',
    '2024-02-29T12:34:56.123456789Z',
  ]) {
    const path = join(directory, time.replaceAll(':', ''))
    writeFileSync(path, time)
    // Node's own utimes takes floating-point seconds, which cannot say nanoseconds.
    execFileSync('touch', ['-h', '-d', time, path])
  }
  utimesSync(directory, 1, 1)
}
