import { copyFile, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { makeDicomDeidentifier } from '../../adapters/dicom/deidentifier.js'
import { readHeader } from '../../adapters/dicom/header.js'
import { makeDuckdbCohortReader } from '../../adapters/duckdb/cohort-reader.js'
import { makeFolderImageArchive } from '../../adapters/folder/image-archive.js'
import { makeFolderImageSource } from '../../adapters/folder/image-source.js'
import { makeFolderImageUploader } from '../../adapters/folder/image-uploader.js'
import { writeLargeStudy } from '../../adapters/synthetic/large-study.js'
import { pseudonymsFor, pseudoPatientIdOf, pseudoStudyUidOf } from '../../domain/pseudonyms.js'
import { sensitive } from '../../domain/sensitive.js'
import { readProject } from '../adapters/synthetic/rehearsal.js'
import { temporaryDirectory } from '../support/directories.js'
import type { Bench, Measurement } from './measurement.js'
import { inTurn, measurement } from './measurement.js'

const megabytes = 400
const rounds = 5

const right = <A>(either: E.Either<unknown, A>): A => {
  if (E.isLeft(either)) throw new Error(JSON.stringify(either.left))
  return either.right
}

/** Copies a file through a buffer, as any program that looks at its bytes must. */
const readAndWrite = async (from: string, to: string, buffer: Buffer): Promise<void> => {
  const [source, target] = [await open(from, 'r'), await open(to, 'w')]
  try {
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0) return
      await target.write(buffer, 0, bytesRead)
    }
  } finally {
    await source.close()
    await target.close()
  }
}

/** De-identifies and delivers one study of the given instance size, beside plain copies of the same bytes. */
const throughput = async (side: number, what: string, goal: string): Promise<ReadonlyArray<Measurement>> => {
  const directory = await temporaryDirectory()
  const study = await writeLargeStudy(directory, megabytes * 1e6, side)
  const [spool, plain, out, copies] = ['spool', 'plain', 'out', 'copies'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const path of [spool, plain, out, copies]) await mkdir(path)

  const cohort = right(await makeDuckdbCohortReader(directory).open(study.cohortCsv)())
  const requests = []
  for await (const batch of cohort.batches) requests.push(...batch)
  const [request] = requests
  await cohort.close()
  const archive = makeFolderImageArchive({ images: study.images, index: join(directory, 'index'), readHeader })
  const raw = right(await archive.retrieve('primary', request!)())
  const project = await readProject(study.projects, 'lung-nodules')
  const key = sensitive<'Secret'>('a key of the bench')
  const keys = { installationKey: key, projectSalt: key, localSalt: sensitive<'Secret'>('') }
  const pseudonyms = pseudonymsFor(keys, request!.project, raw.studyInstanceUid, {
    pseudoStudyUid: pseudoStudyUidOf(key, request!.project, raw.studyInstanceUid),
    pseudoPatientId: pseudoPatientIdOf(key, request!.project, request!.mrn!),
  })
  const deidentifier = makeDicomDeidentifier(spool)
  const imageSource = makeFolderImageSource(spool)
  const files = await readdir(study.images)
  const buffer = Buffer.alloc(1 << 20)

  const deidentify = await inTurn(
    rounds,
    async (round) => {
      if (round > 0) await rm(spool, { recursive: true })
      await mkdir(spool, { recursive: true })
      right(await deidentifier.deidentify(raw, pseudonyms, project, [], 1)())
    },
    async () => {
      for (const name of files) await readAndWrite(join(study.images, name), join(plain, name), buffer)
    },
  )
  await rm(plain, { recursive: true })

  const [location] = await readdir(spool)
  const ref = {
    _tag: 'DeidentifiedStudyRef',
    project: request!.project,
    pseudoStudyUid: pseudonyms.pseudoStudyUid,
    location: location!,
  } as const
  const described = right(await imageSource.describe(ref)())
  const uploader = makeFolderImageUploader({ out, imageSource })
  right(await uploader.upload(described, 1, TE.right(undefined))())
  const zip = join(out, 'lung-nodules', `${pseudonyms.pseudoStudyUid}.zip`)
  await copyFile(zip, join(copies, 'zip'))
  const upload = await inTurn(
    rounds,
    async () => {
      await rm(zip)
      right(await uploader.upload(described, 1, TE.right(undefined))())
    },
    () => readAndWrite(join(copies, 'zip'), join(copies, 'copy'), buffer),
  )
  const rate = (seconds: number): number => described.bytes! / 1e6 / seconds
  return [
    measurement(`de-identification, ${what}`, 'MB/s', rate(deidentify.work), goal, rate(deidentify.plain)),
    measurement(`delivery to a folder, read back, ${what}`, 'MB/s', rate(upload.work), '>= 0.15', rate(upload.plain)),
  ]
}

/** De-identification and delivery against a read-and-write loop over the same bytes. */
export const throughputs: Bench = async () => [
  ...(await throughput(512, '512 KiB instances', '>= 0.8')),
  ...(await throughput(2048, '8 MiB instances', '>= 0.8')),
]
