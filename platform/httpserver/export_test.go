package httpserver

// What tests look at.
var (
	StatusOf  = statusOf
	CheckJSON = checkJSON
)
