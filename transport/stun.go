package transport

// UfragOf reads the first part of a binding request's USERNAME: the ufrag of the agent it is meant for. Not authenticated. Responses have none.
func UfragOf(msg []byte) (local string, ok bool) { return "", false }
