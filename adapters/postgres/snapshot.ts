import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from 'tar'
import { openPglite, snapshotPath } from './pglite.js'

/** Packs a cleanly closed, empty PGlite data directory beside the built files; run by `npm run build`. */
const directory = await mkdtemp(join(tmpdir(), 'pixl-snapshot-'))
try {
  await (await openPglite(directory)).destroy()
  await create({ gzip: true, file: `${snapshotPath}.partial`, cwd: directory, portable: true }, ['.'])
  await rename(`${snapshotPath}.partial`, snapshotPath)
} finally {
  await rm(directory, { recursive: true, force: true })
}
