/** What keeps the promises; each can be turned off to show that the simulation would notice. */
export interface Protections {
  /** Writes carry the fence of their claim and are refused when a later one exists. */
  readonly fence: boolean
  /** Leases are renewed while work runs. */
  readonly renewal: boolean
  /** What arrived is compared with what was sent before it is shown. */
  readonly sizeCheck: boolean
  /** Objects are written under a temporary name and renamed when complete. */
  readonly rename: boolean
  /** A message is acknowledged after the end of its claim is recorded. */
  readonly commitBeforeAcknowledge: boolean
  /** A publication is noted after the broker confirmed it. */
  readonly stampAfterConfirm: boolean
  /** A slot whose holder died is free again after its lease. */
  readonly slotExpiry: boolean
  /** The final write compares the series claimed with those asked for by now. */
  readonly mergeCheck: boolean
  /** Rows whose messages the broker lost are published again. */
  readonly lossSearch: boolean
  /** A name that stands in the row is used again. */
  readonly recordedNames: boolean
}

export const allProtections: Protections = {
  fence: true,
  renewal: true,
  sizeCheck: true,
  rename: true,
  commitBeforeAcknowledge: true,
  stampAfterConfirm: true,
  slotExpiry: true,
  mergeCheck: true,
  lossSearch: true,
  recordedNames: true,
}
