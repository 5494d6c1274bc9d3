"""Paper: what people print, hand over and verify — the port clearance certificate and the FAL forms. No database, no HTTP."""
