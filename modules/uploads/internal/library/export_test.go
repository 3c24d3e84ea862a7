package library

// CopyAll is a publication whose worker dies before it is noted.
var CopyAll = (*Publisher).copyAll
