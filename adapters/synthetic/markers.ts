/** An identifier planted in the hospital: what must be found nowhere outside it. */
export interface Marker {
  /** Says what it is without giving it away, such as `patient 3 name`. */
  readonly label: string
  readonly value: string
  /** How the value becomes bytes; `latin1` also carries texts that are bytes of another character set. */
  readonly encoding: 'utf8' | 'latin1'
}

/** Notes what is planted. */
export interface Planter {
  /** Records the value under the label and returns it. */
  readonly plant: (label: string, value: string, encoding?: Marker['encoding']) => string
  readonly planted: () => ReadonlyArray<Marker>
}

/** A planter that keeps each value once, under its first label. */
export const makePlanter = (): Planter => {
  const markers = new Map<string, Marker>()
  return {
    plant: (label, value, encoding = 'utf8') => {
      const key = `${encoding} ${value}`
      if (!markers.has(key)) markers.set(key, { label, value, encoding })
      return value
    },
    planted: () => [...markers.values()],
  }
}
