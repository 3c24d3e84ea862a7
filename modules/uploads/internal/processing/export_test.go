package processing

// Process is the work on an upload that a worker has read already.
var Process = (*Service).process

// CountTry is a try whose worker dies.
var CountTry = (*Store).countTry
