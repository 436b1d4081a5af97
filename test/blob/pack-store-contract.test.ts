import { silentLog } from '../../src/base/log.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { blobStoreSuite } from '../contract/blob-store.ts'
import { schemaLogSuite, suiteClassify } from '../contract/schema-log.ts'
import { openSimFiles } from '../sim/sim-files.ts'
const open = (): Promise<PackStore> =>
  openPackStore({
    directory: '/blobs',
    files: openSimFiles(),
    rows: openMemoryKeyValue(),
    classify: suiteClassify,
    random: systemRandom,
    log: silentLog,
  })
blobStoreSuite('packs', open)
schemaLogSuite('packs', open)
