import * as E from 'fp-ts/lib/Either.js'
import type * as TE from 'fp-ts/lib/TaskEither.js'
import { known, ProjectSlug, PseudoPatientId } from '../../domain/identifiers.js'
import { sensitive, sensitiveOrNull } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'

/** Marker in every synthetic identifier: a text that holds it leaks. */
export const marker = 'ZZLEAK'

export interface RequestFields {
  readonly project?: string
  readonly mrn?: string
  readonly accession?: string
  readonly uid?: string
  readonly series?: ReadonlyArray<string>
  readonly procedure?: number
  readonly extract?: string
  readonly patient?: string
}

/** A made-up request for study number `n`; every identifier of it holds the {@link marker}. */
export const syntheticRequest = (n: number, fields: RequestFields = {}): StudyRequest => ({
  project: known(ProjectSlug, fields.project ?? 'project-one'),
  projectName: fields.project ?? 'project-one',
  mrn: sensitiveOrNull(fields.mrn ?? `${marker}-mrn-${n}`),
  accessionNumber: sensitiveOrNull(fields.accession ?? `${marker}-acc-${n}`),
  studyInstanceUid: sensitiveOrNull(fields.uid ?? ''),
  seriesInstanceUids: (fields.series ?? []).map((uid) => sensitive(uid)),
  studyDate: '2022-11-22',
  procedureOccurrenceId: fields.procedure ?? n,
  extractGeneratedTimestamp: fields.extract ?? '2023-12-07T14:08:00+00:00',
  pseudoPatientId: fields.patient === undefined ? null : known(PseudoPatientId, fields.patient),
})

/** The right side of a task that must succeed. */
export const succeed = async <E_, A>(task: TE.TaskEither<E_, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(`expected a success, got ${JSON.stringify(result.left)}`)
  return result.right
}

/** The left side of a task that must not succeed. */
export const fail = async <E_, A>(task: TE.TaskEither<E_, A>): Promise<E_> => {
  const result = await task()
  if (E.isRight(result)) throw new Error('expected an error, got a success')
  return result.left
}
