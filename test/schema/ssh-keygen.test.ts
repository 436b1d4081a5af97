import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { refOf } from '../../src/blob/ref.ts'
import { bulkSigner, ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import { readKeyBlob } from '../../src/schema/key-blob.ts'
import { signSchema, verifySigned } from '../../src/schema/signed-blob.ts'

// OpenSSH is the only judge of this format that shares no code with us: without it nothing is proved.
function sshKeygen(folder: string, args: readonly string[], input?: Uint8Array): boolean {
  const result = spawnSync('ssh-keygen', args, { cwd: folder, input: input ?? new Uint8Array() })
  if (result.error) {
    assert.fail(`ssh-keygen does not run (${result.error.message}): install openssh-client`)
  }
  return result.status === 0
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'peerkeep-ssh-keygen-'))
  try {
    await run(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function armored(signature: string): string {
  const lines = signature.match(/.{1,70}/g)?.join('\n')
  return `-----BEGIN SSH SIGNATURE-----\n${lines}\n-----END SSH SIGNATURE-----\n`
}

const payload = Buffer.from('{"camliVersion": 1,\n  "camliType": "permanode"\n')

for (const [name, makeSigner] of [
  ['a person', ed25519Signer],
  ['a device in bulk', bulkSigner],
] as const) {
  test(`OpenSSH verifies what ${name} signs, and nothing near it`, async () => {
    await inFolder(async folder => {
      const signer = makeSigner(new Uint8Array(32).fill(7))
      await writeFile(join(folder, 'signature'), armored(signer.sign(payload)))
      await writeFile(join(folder, 'signers'), `me ${Buffer.from(signer.keyBlob).toString()}`)
      const isValid = (namespace: string, bytes: Uint8Array): boolean =>
        sshKeygen(
          folder,
          ['-Y', 'verify', '-f', 'signers', '-I', 'me', '-n', namespace, '-s', 'signature'],
          bytes,
        )
      assert.ok(isValid('peerkeep', payload))
      assert.ok(!isValid('peerkeep', payload.subarray(1)))
      assert.ok(!isValid('git', payload))
    })
  })
}

test('a key and a signature that OpenSSH made are read, the namespace of others is refused', async () => {
  await inFolder(async folder => {
    assert.ok(sshKeygen(folder, ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', 'key']))
    await writeFile(join(folder, 'payload'), payload)
    const keyBlob = Buffer.from(`${(await readFile(join(folder, 'key.pub'), 'utf8')).trim()}\n`)
    const key = readKeyBlob(keyBlob) ?? assert.fail('the key is not read')

    const signedFor = async (namespace: string): Promise<string> => {
      assert.ok(sshKeygen(folder, ['-q', '-Y', 'sign', '-n', namespace, '-f', 'key', 'payload']))
      const text = await readFile(join(folder, 'payload.sig'), 'utf8')
      await rm(join(folder, 'payload.sig'))
      return text.replaceAll(/-----[A-Z ]+-----|\n/g, '')
    }
    const parts = { payload, signer: refOf(keyBlob) }
    const signature = await signedFor('peerkeep')
    assert.equal(await verifySigned({ ...parts, signature }, keyBlob), key.keyId)
    await assert.rejects(
      verifySigned({ ...parts, signature: await signedFor('git') }, keyBlob),
      error => isPeerkeepError(error, 'BAD_CLAIM'),
    )
  })
})

test('the commands that docs/formats.md gives for checking by hand do so', async () => {
  const page = await readFile(new URL('../../docs/formats.md', import.meta.url), 'utf8')
  const script = /```sh\n([^`]*ssh-keygen -Y verify[^`]*)```/.exec(page)?.[1] ?? assert.fail()
  await inFolder(async folder => {
    const signer = ed25519Signer(new Uint8Array(32).fill(7))
    const blob = { type: 'permanode', signer: signer.keyRef, date: 1n, key: 'k' } as const
    const signed = Buffer.from(signSchema(blob, signer)).toString()
    await writeFile(join(folder, 'key.pub'), signer.keyBlob)
    const isValid = async (text: string): Promise<boolean> => {
      await writeFile(join(folder, 'claim.json'), text)
      return spawnSync('sh', ['-e', '-c', script], { cwd: folder }).status === 0
    }
    assert.ok(await isValid(signed))
    assert.ok(!(await isValid(signed.replace('"k"', '"l"'))))
  })
})
