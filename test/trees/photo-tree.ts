import { createCipheriv, hash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

/**
 * A deterministic tree like a photo library beside a source tree: half of the volume in RAW files of
 * 24 MiB, half in JPEG-like files of 2 to 6 MiB (every tenth also as a copy), and small texts of 0 to
 * 8 KiB three levels deep. The big files cannot be compressed. The same arguments give the same bytes.
 */
export interface PhotoTree {
  /** Volume of the big files, in MiB. */
  readonly mib: number
  /** Number of small files. */
  readonly small: number
}

const MIB = 1024 * 1024
const RAW_MIB = 24
const SMALL_BYTES = 8192
const taken = new Date('2024-05-06T07:08:09Z')
const jpegHead = Buffer.from('ffd8ffe000104a46494600010101004800480000', 'hex')
const words = ['aperture', 'bokeh', 'card', 'darkroom', 'exposure', 'focus', 'grain', 'histogram']

export function makePhotoTree(directory: string, { mib, small }: PhotoTree): void {
  for (const name of ['raw', 'jpeg', 'copies', 'small']) {
    mkdirSync(join(directory, name), { recursive: true })
  }
  for (let at = 0; (at + 1) * RAW_MIB <= mib / 2; at += 1) {
    writeRandom(join(directory, 'raw', `IMG_${at}.CR2`), RAW_MIB * MIB, Buffer.alloc(0))
  }
  makeJpegs(directory, (mib / 2) * MIB)
  for (let at = 0; at < small; at += 1) makeText(directory, at)
}

function makeJpegs(directory: string, volume: number): void {
  for (let at = 0, made = 0; made < volume; at += 1) {
    const size = 2 * MIB + (numberOf(`jpeg ${at}`) % (4 * MIB))
    const path = join(directory, 'jpeg', `IMG_${at}.JPG`)
    writeRandom(path, size, jpegHead)
    if (at % 10 === 0) {
      const copy = join(directory, 'copies', `IMG_${at} (copy).JPG`)
      copyFileSync(path, copy)
      utimesSync(copy, taken, taken)
    }
    made += size
  }
}

function makeText(directory: string, at: number): void {
  const folder = join(directory, 'small', `d${at % 40}`, `e${Math.floor(at / 40) % 25}`)
  if (at < 1000) mkdirSync(folder, { recursive: true })
  const size = numberOf(`text ${at}`) % SMALL_BYTES
  const picks = hash('sha512', `text ${at}`, 'buffer')
  let text = ''
  for (let word = 0; text.length < size; word += 1) {
    text += `${words[((picks[word % 64] ?? 0) + word) % words.length]}${word % 12 === 11 ? '\n' : ' '}${word}`
  }
  const path = join(folder, `note ${at}.txt`)
  writeFileSync(path, text.slice(0, size))
  utimesSync(path, taken, taken)
}

function writeRandom(path: string, size: number, head: Uint8Array): void {
  const key = hash('sha256', path.slice(path.lastIndexOf('/')), 'buffer')
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16))
  const file = openSync(path, 'w')
  writeSync(file, head)
  for (let left = size - head.length; left > 0; left -= MIB) {
    writeSync(file, cipher.update(Buffer.alloc(Math.min(left, MIB))))
  }
  closeSync(file)
  utimesSync(path, taken, taken)
}

function numberOf(name: string): number {
  return hash('sha256', name, 'buffer').readUInt32BE(0)
}
