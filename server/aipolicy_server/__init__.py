"""The central endpoint: takes what agents report and shows it to IT, compliance and the employee."""
