import { keyBlob } from './signed-cases.ts'

/** Perkeep's key as `gpg --export --armor` writes it: headers, CRLF, an old packet header, a user id behind it. */
export function gpgExport(): Buffer {
  const [, armored = ''] = keyBlob.toString().split('\n\n')
  const packet = Buffer.from(armored.slice(0, armored.indexOf('\n=')).replaceAll('\n', ''), 'base64')
  const body = packet.subarray(3)
  const head = Buffer.from([0x99, body.length >> 8, body.length & 255])
  const name = Buffer.from('Alice <alice@example.org>')
  const bytes = Buffer.concat([head, body, Buffer.from([0xb4, name.length]), name])
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return Buffer.from(
    [
      '-----BEGIN PGP PUBLIC KEY BLOCK-----',
      'Comment: exported',
      '',
      ...lines,
      '=AAAA',
      '-----END PGP PUBLIC KEY BLOCK-----',
      '',
    ].join('\r\n'),
  )
}
