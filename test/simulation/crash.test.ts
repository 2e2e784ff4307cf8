import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { makeDicomDeidentifier } from '../../adapters/dicom/deidentifier.js'
import { readHeader } from '../../adapters/dicom/header.js'
import { makeFolderImageArchive } from '../../adapters/folder/image-archive.js'
import { makeFolderImageSource } from '../../adapters/folder/image-source.js'
import { makeFolderImageUploader } from '../../adapters/folder/image-uploader.js'
import { makeMemoryCohortReader } from '../../adapters/memory/cohort-reader.js'
import { makeDeidentifiedStore } from '../../adapters/memory/deidentified-store.js'
import { makeMemoryDeidentifier } from '../../adapters/memory/deidentifier.js'
import { makeMemoryExtractRepository } from '../../adapters/memory/extract-repository.js'
import { makeMemoryImageArchive } from '../../adapters/memory/image-archive.js'
import { makeMemoryImageSource } from '../../adapters/memory/image-source.js'
import { makeMemoryImageUploader } from '../../adapters/memory/image-uploader.js'
import { makeMemoryProjectCatalogue } from '../../adapters/memory/project-catalogue.js'
import { makeMemorySecretStore } from '../../adapters/memory/secret-store.js'
import { makePostgresExtractRepository } from '../../adapters/postgres/extract-repository.js'
import { migrate } from '../../adapters/postgres/migrate.js'
import { openPglite } from '../../adapters/postgres/pglite.js'
import { restart } from '../../adapters/postgres/restart.js'
import { DestinationName, known } from '../../domain/identifiers.js'
import { soundRow } from '../contract/cohort-reader.js'
import { dicomFile } from '../support/dicom.js'
import { ctInstance, filesBelow, originalStudyUid, projectOf, writeStudy } from '../support/dicom-study.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'
import type { Stores } from './crash.js'
import { checkDeath, countSteps, hastyClock, undisturbed } from './crash.js'

const project = projectOf(
  { 0x00080060: 'keep', 0x7fe00010: 'keep' },
  { destination: { dicom: [known(DestinationName, 'folder')], parquet: null } },
)

/** One study that is there, asked for by its UID and again without; and one no archive has. */
const cohort = () => {
  const reader = makeMemoryCohortReader()
  const place = (n: number, changes: object) => soundRow(n, { projectName: 'test-project', ...changes })
  const owner = { mrn: 'MRN-ZZLEAK-1', accessionNumber: 'ACC-ZZLEAK-1' }
  reader.put('cohort', [
    place(1, { ...owner, studyUid: originalStudyUid }),
    place(2, { ...owner, studyUid: '' }),
    place(3, { mrn: 'MRN-ZZLEAK-3', accessionNumber: 'ACC-ZZLEAK-3', studyUid: '' }),
  ])
  return reader
}

const common = () => ({
  catalogue: makeMemoryProjectCatalogue([project]),
  cohortReader: cohort(),
  secrets: makeMemorySecretStore(),
  source: 'cohort',
})

const memoryStores = async (): Promise<Stores> => {
  let skippedMs = 0
  const clock = hastyClock(() => skippedMs)
  const store = makeDeidentifiedStore()
  const imageSource = makeMemoryImageSource(store)
  const uploader = makeMemoryImageUploader(imageSource)
  const archive = makeMemoryImageArchive()
  const extracts = makeMemoryExtractRepository(clock)
  const instance = {
    studyInstanceUid: originalStudyUid,
    seriesInstanceUid: `${originalStudyUid}.1`,
    sopInstanceUid: `${originalStudyUid}.1.1`,
    facts: {
      modality: 'CT',
      manufacturer: 'Acme Imaging',
      seriesNumber: 1,
      seriesDescription: 'Thorax',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      burnedInAnnotation: '',
      imageType: [],
      conversionType: '',
    },
    pixels: Buffer.from('pixels'),
  }
  archive.put('primary', {
    studyInstanceUid: originalStudyUid,
    owners: [{ patientId: 'MRN-ZZLEAK-1', accessionNumber: 'ACC-ZZLEAK-1' }],
    files: ['/instance'],
    problem: null,
  })
  return {
    ...common(),
    archive,
    clock,
    deidentifier: makeMemoryDeidentifier(new Map([[originalStudyUid, [instance]]]), store),
    extracts,
    imageSource,
    uploader,
    // The leases of the dead process expire, and what it had published died with its bus.
    restart: async () => {
      skippedMs += 200_000
      for (const { imageId } of extracts.rows()) extracts.spoil(imageId, (image) => ({ ...image, publishedAt: null }))
    },
    delivered: async () => [...uploader.objects.keys()].sort(),
  }
}

let knex: Knex
before(async function () {
  this.timeout(60_000)
  knex = await openPglite()
  await migrate(knex)
})
after(async () => {
  await knex.destroy()
  await removeTemporaryDirectories()
})

const embeddedStores = async (): Promise<Stores> => {
  const root = await temporaryDirectory()
  const [images, spool, out] = [join(root, 'images'), join(root, 'spool'), join(root, 'out')]
  for (const path of [images, spool, out]) await mkdir(path)
  await writeStudy(images, [dicomFile(ctInstance()), dicomFile(ctInstance({ number: 2 }))])
  await knex.raw('truncate pixl_pipeline.extract cascade')
  const imageSource = makeFolderImageSource(spool)
  return {
    ...common(),
    archive: makeFolderImageArchive({ images, index: join(root, 'state', 'index'), readHeader }),
    clock: hastyClock(() => 0),
    deidentifier: makeDicomDeidentifier(spool),
    extracts: makePostgresExtractRepository(knex),
    imageSource,
    uploader: makeFolderImageUploader({ out, imageSource }),
    restart: async () => {
      await restart(knex)
      for (const name of await readdir(spool))
        await rm(join(spool, name), { recursive: true, force: true, maxRetries: 20 })
    },
    delivered: async () => (await filesBelow(out)).map(({ name }) => name),
  }
}

for (const [name, start] of [
  ['memory', memoryStores],
  ['embedded', embeddedStores],
] as const) {
  describe(`a process that dies at any step, on ${name} adapters`, function () {
    this.timeout(120_000)

    it('leaves what the next one completes', async () => {
      const expected = await undisturbed(await start())
      const steps = await countSteps(await start())
      for (let step = 0; step <= steps; step++) await checkDeath(await start(), step, expected)
    })
  })
}
