/** Armor around an OpenPGP public key (RFC 4880, section 6), as Perkeep stores it. */

export const ARMOR_BEGIN = '-----BEGIN PGP PUBLIC KEY BLOCK-----'
const ARMOR_END = '-----END PGP PUBLIC KEY BLOCK-----'
/** Characters of base64 in a line, as Go's armor writes them. */
const LINE_CHARACTERS = 64

/** The bytes inside armor. As in Perkeep, the checksum is not looked at: the ref has proved the bytes. */
export function unarmor(text: string): Uint8Array {
  const end = text.indexOf(ARMOR_END)
  const lines = text.slice(ARMOR_BEGIN.length, end === -1 ? 0 : end).split(/\r?\n/)
  const blank = lines.findIndex((line, i) => i > 0 && line.trim() === '')
  const data = lines.slice(blank + 1).filter(line => !line.startsWith('='))
  return blank === -1 ? new Uint8Array(0) : Buffer.from(data.join(''), 'base64')
}

/** Armor without headers, in the one layout that Perkeep writes. */
export function writeArmor(bytes: Uint8Array): Uint8Array {
  const base64 = Buffer.from(bytes).toString('base64')
  const lines: string[] = []
  for (let at = 0; at < base64.length; at += LINE_CHARACTERS)
    lines.push(base64.slice(at, at + LINE_CHARACTERS))
  const checksum = Buffer.alloc(3)
  checksum.writeUIntBE(crc24(bytes), 0, 3)
  lines.push(`=${checksum.toString('base64')}`, ARMOR_END)
  return Buffer.from(`${ARMOR_BEGIN}\n\n${lines.join('\n')}\n`)
}

/** Start value and polynomial of RFC 4880, section 6.1. */
const CRC_START = 0xb704ce
const CRC_POLYNOMIAL = 0x1864cfb

function crc24(bytes: Uint8Array): number {
  let crc = CRC_START
  for (const byte of bytes) {
    crc ^= byte << 16
    for (let bit = 0; bit < 8; bit += 1) {
      crc <<= 1
      if ((crc & 0x1000000) !== 0) crc ^= CRC_POLYNOMIAL
    }
  }
  return crc
}
