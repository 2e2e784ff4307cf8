import type { DeidentifiedStore } from '../../adapters/memory/deidentified-store.js'
import { makeDeidentifiedStore } from '../../adapters/memory/deidentified-store.js'
import type { MemoryInstance } from '../../adapters/memory/deidentifier.js'
import { makeMemoryDeidentifier } from '../../adapters/memory/deidentifier.js'
import { sensitive } from '../../domain/sensitive.js'
import type { Deidentifier } from '../../ports/deidentifier.js'
import type { DeidentifierHarness } from '../contract/deidentifier.js'

/** What a mutant may change: the de-identifier, and the store it writes to. */
export interface Change {
  readonly store?: (honest: DeidentifiedStore) => DeidentifiedStore
  readonly deidentifier?: (honest: Deidentifier, store: DeidentifiedStore) => Deidentifier
}

/** The harness of the in-memory de-identifier, honest unless changed. */
export const startMemoryHarness = async (change: Change = {}): Promise<DeidentifierHarness> => {
  const studies = new Map<string, ReadonlyArray<MemoryInstance>>()
  const store = makeDeidentifiedStore()
  const honest = makeMemoryDeidentifier(studies, change.store?.(store) ?? store)
  return {
    deidentifier: change.deidentifier?.(honest, store) ?? honest,
    makeStudy: async (studyInstanceUid, instances, spoiled) => {
      studies.set(
        studyInstanceUid,
        instances.map((instance, i) => ({
          ...instance,
          condition: i === spoiled?.index ? spoiled.how : 'readable',
        })),
      )
      const files = instances.map(({ sopInstanceUid }) => sensitive<'RawFilePath'>(`/memory/${sopInstanceUid}`))
      return { _tag: 'RawStudyRef', studyInstanceUid: sensitive(studyInstanceUid), files }
    },
    delivered: async (ref) => {
      const stored = store.get(ref)
      if (stored === undefined) return null
      const { pseudoStudyUid, pseudoPatientId, seriesCount, instanceCount, bytes } = stored.study
      return { pseudoStudyUid, pseudoPatientId, seriesCount, instanceCount, bytes, instances: stored.instances }
    },
    everything: async () =>
      store.all().flatMap(({ study, instances }) => [study.ref.location, ...instances.map(({ name }) => name)]),
    close: async () => undefined,
  }
}
