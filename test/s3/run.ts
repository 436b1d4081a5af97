/*
 * `npm run test:s3`: the S3 tests against a real server. It starts Ceph and ends it, whatever happens; without Ceph it
 * says so and succeeds, unless PEERKEEP_TEST_S3_REQUIRED is set.
 */
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

import { missingCephPrograms, startCeph } from './ceph.ts'

async function runTests(endpoint: string): Promise<number> {
  const names = await readdir(import.meta.dirname)
  const files = names.filter(name => name.endsWith('.test.ts')).sort()
  const paths = files.map(name => join(import.meta.dirname, name))
  const env = { ...process.env, PEERKEEP_TEST_S3: endpoint }
  const child = spawn(process.execPath, ['--test', ...paths], { stdio: 'inherit', env })
  return new Promise(resolve => child.once('exit', code => resolve(code ?? 1)))
}

const missing = await missingCephPrograms()
if (missing.length > 0) {
  const message =
    `S3 tests against a real server: SKIPPED, ${missing.join(', ')} not found. ` +
    'On Debian: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd'
  console.log(message)
  if (process.env['PEERKEEP_TEST_S3_REQUIRED'] !== undefined) process.exitCode = 1
} else {
  const ceph = await startCeph()
  try {
    console.log(`Ceph answers at ${ceph.endpoint}`)
    process.exitCode = await runTests(ceph.endpoint)
  } finally {
    await ceph.stop()
  }
}
