import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { PortName, Unavailable, UploadError } from '../../domain/errors.js'
import type { DestinationName } from '../../domain/identifiers.js'
import { known, ProjectSlug, PseudoPatientId, PseudoStudyUid } from '../../domain/identifiers.js'
import { sensitive } from '../../domain/sensitive.js'
import type { DeidentifiedStudy, DeidentifiedStudyRef } from '../../domain/study.js'
import type { Deidentifier } from '../../ports/deidentifier.js'
import type { ImageArchive } from '../../ports/image-archive.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { ImageUploader, StoredObject } from '../../ports/image-uploader.js'
import type { Protections } from './protections.js'
import type { Random } from './random.js'

/** A study of the simulated hospital. */
export interface SimStudy {
  /** Its StudyInstanceUID. */
  readonly uid: string
  /** Original series; the whole study. */
  readonly series: ReadonlyArray<string>
  readonly archive: 'primary' | 'secondary' | 'none'
  /** How long the archive takes to send it. */
  readonly retrieveMs: number
  /** How long a destination takes to receive it. */
  readonly sendMs: number
  readonly isUnreadable: boolean
}

/** What holds for a while in the whole world. */
export interface Weather {
  archiveOut: boolean
  destinationOut: boolean
  destinationFull: boolean
}

/** What a destination shows to its readers, and what lies beside it. */
export interface SimDestination {
  readonly name: DestinationName
  /** Finished names and the series in them; `whole` false = a reader sees half an object. */
  readonly visible: Map<
    string,
    { readonly uid: string; readonly series: ReadonlyArray<string>; readonly whole: boolean }
  >
  readonly parts: Map<string, ReadonlyArray<string>>
  /** Accepted, not visible yet: shown by a later step of the destination. Null = it shows objects at once. */
  readonly accepted: Map<string, ReadonlyArray<string>> | null
  /** Runs the later step some time from now. */
  readonly showLater: (show: () => void) => void
}

/** One worker's view of time: what it waits for never comes once it is dead. */
export interface Life {
  readonly pass: (ms: number) => Promise<void>
}

export const project = known(ProjectSlug, 'simulated')
export const unavailableFrom = (port: PortName): Unavailable => ({
  _tag: 'Unavailable',
  port,
  cause: { name: 'Injected' },
})

/** The ref says what it holds: `uid|series,series`. */
const locationOf = (uid: string, series: ReadonlyArray<string>): string => `${uid}|${series.join(',')}`
const uidAt = (location: string): string => location.split('|')[0]!
export const seriesAt = (location: string): ReadonlyArray<string> => location.split('|')[1]!.split(',')

export const makeSimArchive = (studies: ReadonlyArray<SimStudy>, weather: Weather, life: Life): ImageArchive => ({
  retrieve: (archive, request) => async () => {
    const study = studies.find(({ uid }) => `mrn-${uid}` === request.mrn?.reveal())
    await life.pass(study?.retrieveMs ?? 10)
    if (weather.archiveOut) return E.left(unavailableFrom('ImageArchive'))
    if (study?.archive !== archive) return E.left({ _tag: 'StudyNotInArchive', archive })
    return E.right({ _tag: 'RawStudyRef', studyInstanceUid: sensitive(study.uid), files: [sensitive(study.uid)] })
  },
  probe: () => async () => (weather.archiveOut ? E.left(unavailableFrom('ImageArchive')) : E.right(undefined)),
})

export const makeSimDeidentifier = (studies: ReadonlyArray<SimStudy>, life: Life): Deidentifier => ({
  deidentify:
    (raw, { pseudoStudyUid }, _project, requested) =>
    async () => {
      const study = studies.find(({ uid }) => uid === raw.studyInstanceUid.reveal())!
      await life.pass(5)
      if (study.isUnreadable) return E.left({ _tag: 'UnreadableStudy', problem: 'simulated' })
      const wanted = new Set(requested.map((series) => series.reveal()))
      const series = study.series.filter((each) => wanted.size === 0 || wanted.has(each))
      if (series.length === 0)
        return E.right({ _tag: 'Skipped', reason: 'SeriesNotRequested', leftOut: { SeriesNotRequested: 1 } })
      const ref: DeidentifiedStudyRef = {
        _tag: 'DeidentifiedStudyRef',
        project,
        pseudoStudyUid,
        location: locationOf(study.uid, series),
      }
      return E.right({ _tag: 'Deidentified', ref, leftOut: {} })
    },
})

export const simImageSource: ImageSource = {
  describe: (ref) =>
    TE.right({
      ref,
      project: ref.project,
      pseudoStudyUid: ref.pseudoStudyUid,
      pseudoPatientId: known(PseudoPatientId, 'patient'),
      seriesCount: seriesAt(ref.location).length,
      instanceCount: seriesAt(ref.location).length,
      bytes: null,
    }),
  openArchive: () => TE.left(unavailableFrom('ImageSource')),
  discard: () => TE.right(undefined),
}

/** A destination that receives series by series, so that a worker can die, or its source end, between any two. */
export const makeSimUploader = (
  { visible, parts, accepted, showLater }: SimDestination,
  study: (uid: string) => SimStudy,
  weather: Weather,
  protections: Protections,
  random: Random,
  cutsSources: () => boolean,
  life: Life,
): ImageUploader => {
  const nameOf = ({ pseudoStudyUid }: Pick<DeidentifiedStudy, 'pseudoStudyUid'>): string =>
    `simulated/${pseudoStudyUid}.zip`
  const objectOf = (name: string, series: ReadonlyArray<string>): StoredObject => ({
    remoteName: name,
    bytes: 1,
    sha256: series.join(),
  })
  const trouble = (uid: PseudoStudyUid | null): UploadError | null => {
    if (weather.destinationOut) return unavailableFrom('ImageUploader')
    return weather.destinationFull ? { _tag: 'UploadRejected', study: uid, reason: 'quota' } : null
  }

  return {
    supports: { atomic: true, verbatim: true, verification: 'hash' },
    upload: (sent, fence, confirm) => async () => {
      const name = nameOf(sent)
      const part = `${name}.${fence}`
      const wanted = seriesAt(sent.ref.location)
      const uid = uidAt(sent.ref.location)
      const sendMs = study(uid).sendMs / wanted.length
      const cutAfter = cutsSources() && random.chance(0.1) ? random.below(wanted.length) : wanted.length
      const received: Array<string> = []
      for (const series of wanted.slice(0, cutAfter)) {
        await life.pass(sendMs)
        const refused = trouble(sent.pseudoStudyUid)
        if (refused !== null) return E.left(refused)
        received.push(series)
        if (protections.rename) parts.set(part, [...received])
        else visible.set(name, { uid, series: [...received], whole: received.length === wanted.length })
      }
      if (protections.sizeCheck && received.length < wanted.length) {
        parts.delete(part)
        return E.left(unavailableFrom('ImageSource'))
      }
      if (!protections.rename) return E.right({ _tag: 'stored', object: objectOf(name, received) })
      const confirmed = await confirm()
      if (E.isLeft(confirmed)) {
        parts.delete(part)
        return confirmed
      }
      await life.pass(0)
      for (const leftover of parts.keys())
        if (leftover.startsWith(`${name}.`) && Number(leftover.slice(name.length + 1)) < fence) parts.delete(leftover)
      parts.delete(part)
      const show = (series: ReadonlyArray<string>): void =>
        void visible.set(name, { uid, series, whole: received.length === wanted.length })
      if (accepted === null) {
        show(received)
        return E.right({ _tag: 'stored', object: objectOf(name, received) })
      }
      accepted.set(name, received)
      // What was accepted last under a name is what is shown.
      showLater(() => show(accepted.get(name) ?? received))
      return E.right({ _tag: 'pending', object: objectOf(name, received) })
    },
    verify:
      ({ object }) =>
      async () => {
        const shown = visible.get(object.remoteName)
        if (shown === undefined) return E.right('absent')
        return E.right(shown.series.join() === object.sha256 ? 'present' : 'partial')
      },
    leftovers: () => TE.right([...parts.keys()]),
    probe: async () => {
      const refused = trouble(null)
      return refused === null ? E.right(undefined) : E.left(refused)
    },
  }
}

/** A name that no two askings share: the row must be what makes a retry use the first one again. */
export const freshPseudonym = (uid: string, atMs: number): PseudoStudyUid =>
  known(PseudoStudyUid, `2.25.${uid}${Math.floor(atMs)}`)
