/** Why a study ended `skipped`: nothing of it may leave, or nothing is left to do. */
export const skippedReasons = [
  'ModalityNotRetained',
  'ManufacturerNotAllowed',
  'SeriesFiltered',
  'TooFewInstances',
  'SeriesNotRequested',
  'BurnedInPixels',
  'SecondaryCapture',
  'DocumentObject',
  'UltrasoundWithoutRecipe',
  'PixelRecipeUnsupported',
  'NoDestination',
  'SameStudy',
  'AlreadyExported',
  'Cancelled',
] as const
export type SkippedReason = (typeof skippedReasons)[number]

/** Why a study ended `absent`. */
export const absentReasons = ['NotInArchive'] as const
export type AbsentReason = (typeof absentReasons)[number]

/** Why a study ended `failed`. */
export const failedReasons = [
  'UnreadableFile',
  'SeveralMatches',
  'IdentityMismatch',
  'UploadRejected',
  'RetriesExhausted',
  'WorkerLost',
  'Conflict',
  'InvalidRequest',
] as const
export type FailedReason = (typeof failedReasons)[number]

export type Reason = SkippedReason | AbsentReason | FailedReason

/** Reasons for which instances of a study are left out while the rest goes on. */
export type LeftOutReason = Exclude<SkippedReason, 'NoDestination' | 'SameStudy' | 'AlreadyExported' | 'Cancelled'>

/** Instances left out, counted by reason. */
export type LeftOut = Readonly<Partial<Record<LeftOutReason, number>>>

/** The most frequent reason, the earliest in {@link skippedReasons} among equals; null when nothing was left out. */
export const mostFrequentReason = (leftOut: LeftOut): LeftOutReason | null => {
  const count = (reason: SkippedReason): number => leftOut[reason as LeftOutReason] ?? 0
  const best = skippedReasons.reduce((a, b) => (count(b) > count(a) ? b : a))
  return count(best) > 0 ? (best as LeftOutReason) : null
}

/** What a reason means and what an operator can do about it; one sentence each, for `explain` and the README. */
export const reasonSentence: Readonly<Record<Reason, string>> = {
  ModalityNotRetained: 'The modality is not in project.modalities of the project configuration.',
  ManufacturerNotAllowed:
    'No allowed_manufacturers entry of the project matches, or its series number is excluded or missing.',
  SeriesFiltered: 'The series description contains one of the series_filters of the project.',
  TooFewInstances: 'The series has fewer instances than min_instances_per_series of the project.',
  SeriesNotRequested: 'The request lists other series of this study.',
  BurnedInPixels: 'BurnedInAnnotation is YES: the pixels may show who the patient is.',
  SecondaryCapture: 'Secondary Capture images may show patient details; allow_secondary_capture: true admits them.',
  DocumentObject: 'Encapsulated documents and structured reports hold free text that is not de-identified.',
  UltrasoundWithoutRecipe: 'Ultrasound pixels show patient details and no pixel recipe removes them.',
  PixelRecipeUnsupported: 'The project names a pixel recipe; recipes are not supported yet, so nothing is let through.',
  NoDestination: 'The project has no image destination (destination.dicom: none).',
  SameStudy: 'Another row of the project is the same study; its requests were moved there.',
  AlreadyExported: 'The study had been exported already.',
  Cancelled: 'An operator cancelled it.',
  NotInArchive: 'No archive has this study; check the identifiers, then replay.',
  UnreadableFile:
    'An instance is damaged or cannot be rewritten as the tag operations say; see the history, mend file or configuration, then replay.',
  SeveralMatches: 'Several studies match the request; give the StudyInstanceUID, then enqueue again.',
  IdentityMismatch: 'The study in the archive belongs to another PatientID than the request names; nothing was sent.',
  UploadRejected: 'The destination refused the study; see the history, then replay.',
  RetriesExhausted: 'Every attempt failed; see the history for the last cause, then replay.',
  WorkerLost: 'Ten workers in a row died or hung while working on it; look at this study before replaying it.',
  Conflict: 'The destination holds another object under the same name; settle it there, then replay.',
  InvalidRequest:
    'The request cannot be served as it is: unknown project or invalid identifiers; correct it, then replay.',
}
