/** The algorithm's name, in key blobs and in signatures. */
export const SSH_ED25519 = 'ssh-ed25519'

/** A string of the SSH wire format (RFC 4251): its length in four bytes, then its bytes. */
export function sshString(content: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(content)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** An ed25519 public key in the SSH wire format (RFC 8709). */
export function sshPublicKey(publicKey: Uint8Array): Uint8Array {
  return Buffer.concat([sshString(SSH_ED25519), sshString(publicKey)])
}
