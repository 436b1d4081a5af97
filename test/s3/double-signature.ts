import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import { S3Refusal } from './double-errors.ts'

export interface SignedRequest {
  readonly method: string
  /** As it was sent: path and query, not decoded. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

interface Signature {
  readonly credential: string
  readonly date: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** What stands for the body in the signed text. */
  readonly payload: string
  readonly expiresMs: number
}

const algorithm = 'AWS4-HMAC-SHA256'
const skewMsMax = 15 * 60 * 1000

/** Checks a request as S3 does (AWS Signature Version 4, in headers or in the query); throws S3Refusal. */
export function checkSignature(
  request: SignedRequest,
  secrets: ReadonlyMap<string, string>,
  now: number,
): void {
  const signature = readSignature(request)
  const [accessKey = '', ...scope] = signature.credential.split('/')
  const secret = secrets.get(accessKey)
  if (secret === undefined) throw new S3Refusal(403, 'InvalidAccessKeyId')
  checkTime(signature, now)
  checkSignedHeaders(request, signature)
  const text = [
    algorithm,
    signature.date,
    scope.join('/'),
    sha256(canonicalRequest(request, signature)),
  ].join('\n')
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`)
  const expected = hmac(key, text)
  const given = Buffer.from(signature.signature, 'hex')
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw new S3Refusal(403, 'SignatureDoesNotMatch')
  checkPayload(request.body, signature.payload)
}

function readSignature({ url, headers }: SignedRequest): Signature {
  const query = new URL(url, 'http://double').searchParams
  if (query.has('X-Amz-Signature')) {
    return {
      credential: query.get('X-Amz-Credential') ?? '',
      date: query.get('X-Amz-Date') ?? '',
      signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
      signature: query.get('X-Amz-Signature') ?? '',
      payload: 'UNSIGNED-PAYLOAD',
      expiresMs: Number(query.get('X-Amz-Expires') ?? 0) * 1000,
    }
  }
  const header = headers.authorization ?? ''
  if (!header.startsWith(algorithm)) throw new S3Refusal(403, 'AccessDenied')
  const field = (name: string): string => new RegExp(`${name}=([^,\\s]*)`).exec(header)?.[1] ?? ''
  return {
    credential: field('Credential'),
    date: String(headers['x-amz-date'] ?? ''),
    signedHeaders: field('SignedHeaders').split(';'),
    signature: field('Signature'),
    payload: String(headers['x-amz-content-sha256'] ?? ''),
    expiresMs: skewMsMax,
  }
}

function checkTime({ date, expiresMs }: Signature, now: number): void {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
  if (parts === null) throw new S3Refusal(403, 'AccessDenied', 'no valid date')
  const [year = 0, month = 0, ...rest] = parts.slice(1).map(Number)
  const signed = Date.UTC(year, month - 1, ...rest)
  if (signed - now > skewMsMax) throw new S3Refusal(403, 'RequestTimeTooSkewed')
  if (now - signed <= expiresMs) return
  throw expiresMs === skewMsMax
    ? new S3Refusal(403, 'RequestTimeTooSkewed')
    : new S3Refusal(403, 'AccessDenied', 'Request has expired')
}

/** What is not signed could be changed on the way. */
function checkSignedHeaders({ headers }: SignedRequest, { signedHeaders }: Signature): void {
  const must = ['host', ...Object.keys(headers).filter(name => name.startsWith('x-amz-'))]
  const missing = must.filter(name => !signedHeaders.includes(name))
  if (missing.length > 0)
    throw new S3Refusal(403, 'AccessDenied', `not signed: ${missing.join(', ')}`)
}

function canonicalRequest({ method, url, headers }: SignedRequest, signature: Signature): string {
  const [path = '', query = ''] = url.split(/\?(.*)/s)
  const parameters = query
    .split('&')
    .filter(part => part !== '' && !part.startsWith('X-Amz-Signature='))
    .map(part => {
      const [name = '', value = ''] = part.split(/=(.*)/s)
      return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value))].join('=')
    })
    .sort()
  const canonicalHeaders = signature.signedHeaders.map(name => {
    const value = headers[name]
    const text = Array.isArray(value) ? value.join(',') : (value ?? '')
    return `${name}:${text.trim().replace(/ +/g, ' ')}\n`
  })
  return [
    method,
    path.split('/').map(decodeURIComponent).map(encode).join('/'),
    parameters.join('&'),
    canonicalHeaders.join(''),
    signature.signedHeaders.join(';'),
    signature.payload,
  ].join('\n')
}

function checkPayload(body: Uint8Array, payload: string): void {
  // Bodies in signed or trailed chunks: Ceph 16 answers 411, and Swift 501.
  if (payload.startsWith('STREAMING-')) throw new S3Refusal(411, 'MissingContentLength')
  if (payload === 'UNSIGNED-PAYLOAD') return
  if (!/^[0-9a-f]{64}$/.test(payload)) throw new S3Refusal(400, 'InvalidRequest')
  if (sha256(body) !== payload) throw new S3Refusal(400, 'XAmzContentSHA256Mismatch')
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
