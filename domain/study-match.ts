import * as E from 'fp-ts/lib/Either.js'
import type { IdentityMismatch, SeveralMatches, StudyNotInArchive } from './errors.js'
import { revealOr } from './sensitive.js'
import type { StudyRequest } from './study.js'
import type { ArchiveName } from './identifiers.js'

/** Under which identifiers an archive holds a study, as plain text: for comparisons in memory only, never printed. */
export interface StudyIdentity {
  readonly studyInstanceUid: string
  /** The different pairs found in its instances; '' where an instance has none. */
  readonly owners: ReadonlyArray<{ readonly patientId: string; readonly accessionNumber: string }>
}

/**
 * The one study a request asks for: by StudyInstanceUID, and by MRN and AccessionNumber (those that are given, exactly)
 * when that is absent or finds nothing. A StudyInstanceUID that finds nothing is not replaced by an MRN alone, which
 * would give another study of the patient. The whole study must belong to the requested MRN.
 */
export const matchStudy = <S extends StudyIdentity>(
  archive: ArchiveName,
  request: StudyRequest,
  studies: Iterable<S>,
): E.Either<StudyNotInArchive | SeveralMatches | IdentityMismatch, S> => {
  const uid = revealOr(request.studyInstanceUid).trim()
  const mrn = revealOr(request.mrn).trim()
  const accession = revealOr(request.accessionNumber).trim()
  const namesByOwner = accession !== '' || (uid === '' && mrn !== '')
  const byUid: Array<S> = []
  const byOwner: Array<S> = []
  for (const study of studies) {
    if (uid !== '' && study.studyInstanceUid === uid) byUid.push(study)
    const isOwned = study.owners.some(
      ({ patientId, accessionNumber }) =>
        (mrn === '' || patientId === mrn) && (accession === '' || accessionNumber === accession),
    )
    if (isOwned && namesByOwner) byOwner.push(study)
  }
  const found = byUid.length > 0 ? byUid : byOwner
  const [first, ...others] = found
  if (first === undefined) return E.left({ _tag: 'StudyNotInArchive', archive })
  if (others.length > 0) return E.left({ _tag: 'SeveralMatches', archive, count: found.length })
  return mrn === '' || first.owners.every(({ patientId }) => patientId === mrn)
    ? E.right(first)
    : E.left({ _tag: 'IdentityMismatch', archive })
}
