import { hash } from 'node:crypto'

/** How an input of `vectors.json` is made; its `generators` say the same in words. */
export type Generator =
  | { readonly type: 'xorshift32'; readonly seed: number; readonly size: number }
  | { readonly type: 'sha256ctr'; readonly seed: string; readonly size: number }
  | { readonly type: 'text'; readonly seed: number; readonly size: number }
  | { readonly type: 'repeat'; readonly hex: string; readonly size: number }
  | { readonly type: 'concat'; readonly parts: readonly Generator[] }

export function generate(generator: Generator, words: readonly string[]): Buffer {
  switch (generator.type) {
    case 'xorshift32':
      return xorshiftBytes(generator.seed, generator.size)
    case 'sha256ctr':
      return counterBytes(generator.seed, generator.size)
    case 'text':
      return textBytes(generator.seed, generator.size, words)
    case 'repeat':
      return Buffer.alloc(generator.size, Buffer.from(generator.hex, 'hex'))
    case 'concat':
      return Buffer.concat(generator.parts.map(part => generate(part, words)))
  }
}

function xorshift(seed: number): () => number {
  let x = seed >>> 0
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x = (x ^ (x << 5)) >>> 0
    return x
  }
}

function xorshiftBytes(seed: number, size: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(size / 4) * 4)
  const next = xorshift(seed)
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(next(), at)
  return bytes.subarray(0, size)
}

function counterBytes(seed: string, size: number): Buffer {
  const blocks: Buffer[] = []
  for (let block = 0n; Number(block) * 32 < size; block += 1n) {
    const counter = Buffer.alloc(8)
    counter.writeBigUInt64BE(block)
    blocks.push(hash('sha256', Buffer.concat([Buffer.from(seed), counter]), 'buffer'))
  }
  return Buffer.concat(blocks).subarray(0, size)
}

function textBytes(seed: number, size: number, words: readonly string[]): Buffer {
  const next = xorshift(seed)
  const pieces: string[] = []
  for (let at = 1, length = 0; length < size; at += 1) {
    const piece = `${words[next() % words.length]}${at % 12 === 0 ? '.\n' : ' '}`
    pieces.push(piece)
    length += piece.length
  }
  return Buffer.from(pieces.join('')).subarray(0, size)
}
