import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { parse } from 'yaml'
import { makeDicomDeidentifier } from '../../../adapters/dicom/deidentifier.js'
import { readHeader } from '../../../adapters/dicom/header.js'
import { makeDuckdbCohortReader } from '../../../adapters/duckdb/cohort-reader.js'
import { makeFolderImageArchive } from '../../../adapters/folder/image-archive.js'
import type { ExpectedProject } from '../../../adapters/synthetic/requests.js'
import { decodeProjectConfig } from '../../../domain/project-codec.js'
import type { Project } from '../../../domain/project.js'
import { pseudonymsFor, pseudoPatientIdOf, pseudoStudyUidOf } from '../../../domain/pseudonyms.js'
import type { Reason } from '../../../domain/reasons.js'
import { sensitive } from '../../../domain/sensitive.js'
import type { StudyRequest } from '../../../domain/study.js'
import { requestIdentity } from '../../../domain/study.js'
import { decodeManufacturerOverrides, decodeTagOperations } from '../../../domain/tags-codec.js'
import { mergeOperations } from '../../../domain/tags.js'

const right = <L, A>(either: E.Either<L, A>): A => {
  if (E.isLeft(either)) throw new Error(`expected a success, got ${JSON.stringify(either.left)}`)
  return either.right
}

const readYaml = async (path: string): Promise<unknown> => parse(await readFile(path, 'utf8'))

/** Reads a project the short way: the catalogue has tests of its own. */
export const readProject = async (projects: string, slug: string): Promise<Project> => {
  const config = right(decodeProjectConfig(await readYaml(join(projects, `${slug}.yaml`))))
  const { base, manufacturerOverrides } = config.tagOperationFiles
  const operations = join(projects, 'tag-operations')
  const bases = await Promise.all(
    base.map(async (name) => right(decodeTagOperations(await readYaml(join(operations, name))))),
  )
  const overrides = await Promise.all(
    manufacturerOverrides.map(async (name) =>
      right(decodeManufacturerOverrides(await readYaml(join(operations, 'manufacturer-overrides', name)))),
    ),
  )
  return { config, scheme: { base: mergeOperations(...bases), overrides: overrides.flat() } }
}

/** The slugs of the projects in a directory. */
export const projectSlugs = async (projects: string): Promise<ReadonlyArray<string>> =>
  (await readdir(projects))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.replace('.yaml', ''))
    .sort()

/** All requests of a cohort, rows of one study merged as the repository merges them. */
const readRequests = async (source: string): Promise<ReadonlyArray<StudyRequest>> => {
  const cohort = right(await makeDuckdbCohortReader().open(source)())
  const merged = new Map<string, StudyRequest>()
  try {
    for await (const batch of cohort.batches)
      for (const request of batch) {
        const key = `${request.project} ${requestIdentity(request)}`
        const before = merged.get(key)?.seriesInstanceUids ?? []
        merged.set(key, { ...request, seriesInstanceUids: [...before, ...request.seriesInstanceUids] })
      }
  } finally {
    await cohort.close()
  }
  return [...merged.values()]
}

const failureReasons: Readonly<Record<string, Reason>> = {
  StudyNotInArchive: 'NotInArchive',
  SeveralMatches: 'SeveralMatches',
  IdentityMismatch: 'IdentityMismatch',
  UnreadableStudy: 'UnreadableFile',
}

const key = sensitive<'Secret'>('a key of the rehearsal')
const keys = { installationKey: key, projectSalt: key, localSalt: sensitive<'Secret'>('') }

/**
 * Goes through a cohort with the adapters of the embedded run, one study after the other, leaving the de-identified
 * studies in `spool`. Answers why each request ended, by project: null = exported.
 */
export const rehearse = async (what: {
  readonly images: string
  readonly projects: string
  readonly cohort: string
  readonly index: string
  readonly spool: string
}): Promise<ReadonlyMap<string, ReadonlyArray<Reason | null>>> => {
  const archive = makeFolderImageArchive({ images: what.images, index: what.index, readHeader })
  const deidentifier = makeDicomDeidentifier(what.spool)
  const done = new Set<string>()

  const endOf = async (request: StudyRequest, fence: number): Promise<Reason | null> => {
    const project = await readProject(what.projects, request.project)
    if (project.config.destination.dicom.length === 0) return 'NoDestination'
    const found = await archive.retrieve('primary', request)()
    if (E.isLeft(found)) return failureReasons[found.left._tag]!
    const uid = found.right.studyInstanceUid
    if (done.has(`${request.project} ${uid.reveal()}`)) return 'SameStudy'
    done.add(`${request.project} ${uid.reveal()}`)
    const pseudonyms = pseudonymsFor(keys, request.project, uid, {
      pseudoStudyUid: pseudoStudyUidOf(key, request.project, uid),
      pseudoPatientId: request.pseudoPatientId ?? pseudoPatientIdOf(key, request.project, request.mrn!),
    })
    const answer = await deidentifier.deidentify(found.right, pseudonyms, project, request.seriesInstanceUids, fence)()
    if (E.isLeft(answer)) return failureReasons[answer.left._tag]!
    return answer.right._tag === 'Skipped' ? answer.right.reason : null
  }

  const endings = new Map<string, Array<Reason | null>>()
  for (const [i, request] of (await readRequests(what.cohort)).entries())
    endings.set(request.project, [...(endings.get(request.project) ?? []), await endOf(request, i + 1)])
  return endings
}

/** The part of an expectation that a rehearsal shows. */
export const countReasons = (
  endings: ReadonlyArray<Reason | null>,
): Pick<ExpectedProject, 'total' | 'exported' | 'reasons'> => {
  const reasons: Partial<Record<Reason, number>> = {}
  for (const reason of endings) if (reason !== null) reasons[reason] = (reasons[reason] ?? 0) + 1
  return { total: endings.length, exported: endings.filter((reason) => reason === null).length, reasons }
}
