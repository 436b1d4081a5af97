import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { type HomePaths, homePaths } from '../node/home.ts'

/** Where the home is: `--home`, else `$PEERKEEP_HOME`, else the platform's usual place. */
export function findHome(option: string | undefined, env: NodeJS.ProcessEnv): HomePaths {
  const chosen = option ?? env['PEERKEEP_HOME']
  return homePaths(
    chosen === undefined || chosen === '' ? usualHome(env) : resolve(chosen),
    tmpdir(),
  )
}

function usualHome(env: NodeJS.ProcessEnv): string {
  if (process.platform === 'darwin') {
    return join(homedir(), 'Library', 'Application Support', 'peerkeep')
  }
  const data = env['XDG_DATA_HOME']
  return join(
    data !== undefined && data.startsWith('/') ? data : join(homedir(), '.local', 'share'),
    'peerkeep',
  )
}
