import { randomBytes } from 'node:crypto'
import { type Agent, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'

import { refOf } from '../../src/blob/ref.ts'
import { mustRun, type RunningNode, up } from '../process/peerkeep-process.ts'
import { memoryMib } from './process-figures.ts'
import { benchDirectory } from './store-in-process.ts'

/** A node of its own home, as a process, and connections to it. */
export interface ServedNode extends AsyncDisposable {
  readonly home: string
  readonly http: string
  peakMib(): number
}

/** Starts a node that takes `userpass:bench:bench`. */
export async function serveNode(): Promise<ServedNode> {
  const home = join(benchDirectory(), 'home')
  await mustRun(home, 'init', '--name', 'bench')
  await mustRun(home, 'config', 'set', 'auth', 'userpass:bench:bench')
  const node: RunningNode = await up(home)
  return {
    home,
    http: node.http,
    peakMib: () => memoryMib(node.process.pid ?? 0, 'VmHWM'),
    [Symbol.asyncDispose]: async () => void (await node.stop()),
  }
}

/** Sends one request over one of `agent`'s connections; resolves with the answer's body. */
export function send(
  agent: Agent,
  url: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: object; body?: Buffer } = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method, auth: 'bench:bench', headers: { ...headers } })
    outgoing.on('error', reject)
    outgoing.on('response', (answer: IncomingMessage) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const bytes = Buffer.concat(chunks)
        if (answer.statusCode === 200) resolve(bytes)
        else reject(new Error(`${answer.statusCode} ${bytes.toString('utf8', 0, 200)}`))
      })
    })
    outgoing.end(body)
  })
}

const BOUNDARY = 'peerkeep-bench'

/** The body of a batch upload of `count` random blobs of `size` bytes. */
export function uploadBody(count: number, size: number): Buffer {
  return batchOf(Array.from({ length: count }, () => randomBytes(size)))
}

/** The body of a batch upload of these blobs. */
export function batchOf(blobs: readonly Uint8Array[]): Buffer {
  const pieces: Uint8Array[] = []
  for (const bytes of blobs) {
    const ref = refOf(bytes)
    pieces.push(
      Buffer.from(
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${ref}"; filename="${ref}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
      ),
      bytes,
      Buffer.from('\r\n'),
    )
  }
  return Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)])
}

export const uploadHeaders = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
