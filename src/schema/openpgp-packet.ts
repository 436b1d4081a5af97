/** A packet of an OpenPGP message (RFC 4880, section 4). */
export interface OpenPgpPacket {
  readonly tag: number
  readonly body: Uint8Array
}

/**
 * The first packet in `bytes`; undefined when there is no whole one. Lengths that are not stated
 * (partial or indeterminate) are not read: neither keys nor signatures are written with them.
 */
export function readFirstPacket(bytes: Uint8Array): OpenPgpPacket | undefined {
  const first = bytes[0] ?? 0
  if ((first & 0x80) === 0) return undefined
  const isNew = (first & 0x40) !== 0
  const length = isNew ? newLength(bytes) : oldLength(bytes, first & 3)
  if (length === undefined || length.at + length.size > bytes.length) return undefined
  const tag = isNew ? first & 0x3f : (first >> 2) & 0x0f
  return { tag, body: bytes.subarray(length.at, length.at + length.size) }
}

/** A packet with the new header and the shortest length (RFC 4880, section 4.2.2). */
export function writePacket({ tag, body }: OpenPgpPacket): Uint8Array {
  const head = [0xc0 | tag]
  if (body.length < 192) head.push(body.length)
  else if (body.length < 8384)
    head.push(((body.length - 192) >> 8) + 192, (body.length - 192) & 255)
  else head.push(255, ...[24, 16, 8, 0].map(shift => (body.length >>> shift) & 255))
  return Buffer.concat([Buffer.from(head), body])
}

/** An unsigned big-endian number of `size` (at most 4) bytes; undefined beyond the end. */
export function readNumber(bytes: Uint8Array, at: number, size: number): number | undefined {
  if (at + size > bytes.length) return undefined
  let value = 0
  for (let i = at; i < at + size; i += 1) value = value * 256 + (bytes[i] ?? 0)
  return value
}

/** The bytes of the multiprecision integer at `at`, and where it ends. */
export function readMpi(
  bytes: Uint8Array,
  at: number,
): { value: Uint8Array; end: number } | undefined {
  const bits = readNumber(bytes, at, 2)
  if (bits === undefined) return undefined
  const end = at + 2 + Math.ceil(bits / 8)
  return end > bytes.length ? undefined : { value: bytes.subarray(at + 2, end), end }
}

interface PacketLength {
  /** Where the body begins. */
  readonly at: number
  readonly size: number
}

function newLength(bytes: Uint8Array): PacketLength | undefined {
  const first = bytes[1] ?? 0
  if (first < 192) return { at: 2, size: first }
  if (first < 224) return { at: 3, size: (first - 192) * 256 + (bytes[2] ?? 0) + 192 }
  const size = first === 255 ? readNumber(bytes, 2, 4) : undefined
  return size === undefined ? undefined : { at: 6, size }
}

function oldLength(bytes: Uint8Array, lengthType: number): PacketLength | undefined {
  if (lengthType === 3) return undefined
  const width = 2 ** lengthType
  const size = readNumber(bytes, 1, width)
  return size === undefined ? undefined : { at: 1 + width, size }
}
