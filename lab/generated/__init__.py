"""The files of the repository that are made from the code: diagrams/ and the tables of docs/."""
