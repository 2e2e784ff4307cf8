import type { DeidentifiedStudy, DeidentifiedStudyRef } from '../../domain/study.js'

/** One instance of a de-identified study in memory; `name` is `<pseudo series UID>/<pseudo SOP UID>.dcm`. */
export interface StoredInstance {
  readonly name: string
  readonly bytes: Uint8Array
}

/** A study as the store holds it; instances are sorted by name. */
export interface StoredStudy {
  readonly study: DeidentifiedStudy
  readonly instances: ReadonlyArray<StoredInstance>
}

/** Where the in-memory Deidentifier leaves studies and the in-memory ImageSource finds them: a spool without a disk. */
export interface DeidentifiedStore {
  /** Puts a study under the location of its reference; what was there is replaced as a whole. */
  readonly put: (study: DeidentifiedStudy, instances: ReadonlyArray<StoredInstance>) => void
  readonly get: (ref: DeidentifiedStudyRef) => StoredStudy | undefined
  /** Forgets a study; one that is not there is no error. */
  readonly remove: (ref: DeidentifiedStudyRef) => void
  /** All studies held, in the order of their locations. */
  readonly all: () => ReadonlyArray<StoredStudy>
}

const byName = (a: StoredInstance, b: StoredInstance): number => (a.name < b.name ? -1 : 1)

/** Makes an empty {@link DeidentifiedStore}. */
export const makeDeidentifiedStore = (): DeidentifiedStore => {
  const studies = new Map<string, StoredStudy>()
  return {
    put: (study, instances) => {
      studies.set(study.ref.location, { study, instances: [...instances].sort(byName) })
    },
    get: (ref) => studies.get(ref.location),
    remove: (ref) => {
      studies.delete(ref.location)
    },
    all: () => [...studies.keys()].sort().map((location) => studies.get(location)!),
  }
}
