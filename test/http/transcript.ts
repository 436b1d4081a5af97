import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** One request that Perkeep's tools, or curl, sent to Perkeep's server, and what that answered. */
export interface Exchange {
  /** `22-get#3` */
  readonly id: string
  readonly method: string
  readonly path: string
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly requestBody: Buffer
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Undefined where the record leaves it out. */
  readonly body: Buffer | undefined
  /** Whether bytes of the request were left out of the record. */
  readonly isCut: boolean
}

const directory = join(import.meta.dirname, '..', 'vectors', 'perkeep', 'http')

/** All records, in the order of their files and in these. */
export function readTranscripts(): Exchange[] {
  return readdirSync(directory)
    .sort()
    .flatMap(file => readFile(join(directory, file)))
}

const LEFT_OUT = /\[\d+ bytes of binary left out\]|\[further exchanges/

function readFile(path: string): Exchange[] {
  const name = basename(path, '.txt')
  const sections = readFileSync(path, 'latin1').split('----- exchange\n')
  return sections.flatMap((text, at) => {
    const [, asked, answered] = /^>>> request\n(.*?)<<< response\n(.*)$/s.exec(text) ?? []
    return asked === undefined || answered === undefined
      ? []
      : readExchange(`${name}#${at}`, asked, answered)
  })
}

function readExchange(id: string, asked: string, answered: string): Exchange {
  const request = splitHead(asked)
  const response = splitHead(answered)
  const [method = '', path = ''] = request.first.split(' ')
  const isMultipart = (request.headers['content-type'] ?? '').startsWith('multipart/')
  return {
    id,
    method,
    path,
    requestHeaders: request.headers,
    requestBody: isMultipart ? multipartOf(request) : sized(request),
    status: Number(response.first.split(' ')[1]),
    headers: response.headers,
    body: LEFT_OUT.test(response.body) ? undefined : bodyOf(response),
    isCut: LEFT_OUT.test(request.body),
  }
}

interface Message {
  readonly first: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function splitHead(text: string): Message {
  const end = text.indexOf('\n\n')
  const [first = '', ...lines] = text.slice(0, end).split('\n')
  const headers = lines.map(line => line.split(/:\s*(.*)/s))
  return {
    first,
    headers: Object.fromEntries(
      headers.map(([key = '', value]) => [key.toLowerCase(), value ?? '']),
    ),
    body: text.slice(end + 2),
  }
}

function sized({ headers, body }: Message): Buffer {
  return Buffer.from(body, 'latin1').subarray(0, Number(headers['content-length'] ?? 0))
}

function bodyOf(message: Message): Buffer {
  if (message.headers['transfer-encoding'] !== 'chunked') return sized(message)
  const chunks: string[] = []
  let left = message.body
  for (;;) {
    const [line = '', size = ''] = /^([0-9a-f]+)\n/.exec(left) ?? []
    if (size === '' || size === '0') return Buffer.from(chunks.join(''), 'latin1')
    chunks.push(left.slice(line.length, line.length + Number.parseInt(size, 16)))
    left = left.slice(line.length + Number.parseInt(size, 16) + 1)
  }
}

/** The records show CR LF as LF: here the lines of the form get theirs back, those of the blobs do not. */
function multipartOf({ headers, body }: Message): Buffer {
  const boundary = `--${/boundary=(\S+)/.exec(headers['content-type'] ?? '')?.[1] ?? ''}`
  const parts = body.split(boundary).slice(1, -1)
  const pieces = parts.map(part => {
    const end = part.indexOf('\n\n')
    const head = part.slice(1, end).replaceAll('\n', '\r\n')
    return `${boundary}\r\n${head}\r\n\r\n${part.slice(end + 2, -1)}\r\n`
  })
  return Buffer.from(`${pieces.join('')}${boundary}--\r\n`, 'latin1')
}
